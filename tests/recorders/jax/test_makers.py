"""What is remembered of the makers of optimizers."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("optax")

import jax.numpy as jnp
import optax

from whygrad.recorders.jax.makers import Makers

pytestmark = pytest.mark.jax


@pytest.fixture
def makers() -> object:
    noted = Makers(lambda fault: None)
    noted.start(optax)
    yield noted
    noted.stop()


def test_of_a_rate_nothing_is_kept_that_is_the_scripts(makers: Makers) -> None:
    array = jnp.zeros(4)
    optax.sgd(array[0])
    optax.sgd(lambda count: array[0])
    optax.sgd(optax.join_schedules([lambda count: 0.0, optax.constant_schedule(0.0)], [3]))
    optax.sgd(optax.join_schedules([optax.constant_schedule(0.0), optax.constant_schedule(0.0)], [3]))
    optax.sgd(0.0)
    assert [one.number is not None for one in makers.made] == [False, False, False, True, True]
    assert [bool(one.own) for one in makers.made] == [False, True, False, False, False]


def test_a_rate_of_zero_is_told_before_what_may_be_meant(makers: Makers) -> None:
    optax.multi_transform({"a": optax.sgd(0.0), "b": optax.set_to_zero()}, {"w": "a"})
    reason = makers.why_nothing_moves(5)
    assert reason is not None
    assert reason.name == "rate"


def test_a_schedule_that_should_have_risen(makers: Makers) -> None:
    optax.adam(optax.linear_schedule(0.0, 0.1, 10))
    reason = makers.why_nothing_moves(5)
    assert reason is not None
    assert reason.name == "count stands"
    assert makers.why_nothing_moves(1) is None
    optax.MultiSteps(optax.sgd(0.1), 3)
    assert makers.why_nothing_moves(5) is None


def test_how_many_gradients_are_waited_for(makers: Makers) -> None:
    optax.MultiSteps(optax.sgd(0.1), 8)
    assert makers.why_nothing_moves(8) is None
    reason = makers.why_nothing_moves(7)
    assert reason is not None
    assert (reason.name, reason.detail) == ("not due", "8 gradients, and 7 have come")


def test_what_is_no_maker_of_an_optimizer_is_not_noted(makers: Makers) -> None:
    optax.incremental_update({"w": jnp.ones(1)}, {"w": jnp.zeros(1)}, 0.0)
    assert makers.made == []


def test_a_schedule_of_the_scripts_own_for_an_optimizer_of_another_library(makers: Makers) -> None:
    own = ((test_what_is_no_maker_of_an_optimizer_is_not_noted.__code__, 2),)
    makers.rated((), lambda count: math.nan, own)
    reason = makers.why_nothing_moves(5)
    assert reason is not None
    assert (reason.name, reason.place) == ("own schedule", own)


def test_they_are_put_back() -> None:
    before = (optax.adam, optax.MultiSteps.__init__, optax.set_to_zero)
    noted = Makers(lambda fault: None)
    noted.start(optax)
    noted.stop()
    assert (optax.adam, optax.MultiSteps.__init__, optax.set_to_zero) == before


@pytest.mark.parametrize("inside", [True, False])
def test_a_stop_that_a_mask_was_not_given_is_told_itself(makers: Makers, inside: bool) -> None:
    mask = {"w": True}
    optax.masked(optax.set_to_zero() if inside else optax.scale(1.0), mask)
    if not inside:
        optax.set_to_zero()
    reason = makers.why_nothing_moves(5)
    assert reason is not None
    assert (reason.name, reason.place) == ("all frozen", makers.made[-1].stack)
    assert makers.made[-1].kind == ("sorted" if inside else "stop")
