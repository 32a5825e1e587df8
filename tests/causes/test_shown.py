"""Where a number beside the loss is all that reads a value, the value is what the loss leaves out, not the number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from hearing import Ear, heard
from whygrad.diagnose import diagnose
from whygrad.recorders.jax import Jax

pytestmark = pytest.mark.jax
P = {"gen": jnp.ones((3, 3)), "bias": jnp.zeros(3)}
REAL = jnp.ones((4, 3))


@pytest.fixture
def ear() -> Iterator[Ear]:
    yield from heard(Jax())


def score(x: Any, p: Any) -> Any:
    return jnp.tanh(x + p["bias"])


def a_number_to_be_shown(p: Any) -> Any:
    fake = REAL @ p["gen"]
    scores = score(REAL, p)  # the loss goes on here
    return jnp.mean(scores**2), fake.mean()


def of_two_values(p: Any) -> Any:
    fake = REAL @ p["gen"]
    other = fake - REAL
    scores = score(REAL, p)
    return jnp.mean(scores**2), jnp.mean(fake * other)  # the loss goes on here


@pytest.mark.parametrize("program", [a_number_to_be_shown, of_two_values])
def test_where_the_loss_goes_on(program: Callable[[Any], Any], ear: Ear) -> None:
    jax.grad(program, has_aux=True)(P)
    (finding,) = diagnose(ear.graphs[-1])
    assert finding.cause == "unused-output"
    assert [p.path for p in finding.parameters] == ["p/gen"]
    assert finding.culprit is not None
    with open(__file__, encoding="utf-8") as text:
        assert "the loss goes on here" in text.read().splitlines()[(finding.culprit.line or 1) - 1]
    labels = [label.span.code or "" for label in finding.labels]
    assert any('REAL @ p["gen"]' in code for code in labels) == (program is a_number_to_be_shown)
