"""What Optax and the optimizers of Keras are asked for, and whether anybody takes it."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("optax")

import jax
import jax.numpy as jnp
import optax

from jax_steps import ROUNDS
from whygrad.recorders.jax.updates import Updates
from whygrad.recorders.patching import Patches

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]


class Descent:
    """Steps as an optimizer of Keras makes them."""

    def __init__(self) -> None:
        self._trainable_variables = [SimpleNamespace(path=f"net/{n}", shape=(2,), dtype="float32") for n in "ab"]

    def stateless_apply(self, state: Any, grads: Any, values: Any) -> Any:
        return [v - 0.1 * g for v, g in zip(values, grads, strict=True)], state


@pytest.mark.parametrize("returned", [True, False])
@pytest.mark.parametrize("compiled", [True, False])
def test_new_values_of_keras_that_are_dropped(compiled: bool, returned: bool) -> None:
    updates, patches, optimizer, jaxprs = Updates(pytest.fail), Patches(), Descent(), list[Any]()
    updates.stateless(Descent, patches)

    def one(values: Any) -> Any:
        new, _ = optimizer.stateless_apply([], [jnp.ones(2), jnp.ones(2)], values)
        return new if returned else values

    try:
        values = [jnp.zeros(2), jnp.zeros(2)]
        if compiled:
            jaxprs.append(jax.make_jaxpr(one)(values))
        else:
            for _ in ROUNDS:
                values = one(values)
    finally:
        patches.undo()
    told = [g for jaxpr in jaxprs for g in updates.lost(jaxpr, set())] + list(updates.unapplied())
    assert [[p.path for p in graph.parameters] for graph in told] == [["net/a", "net/b"]] * (not returned)


def test_arguments_may_be_given_by_name() -> None:
    updates, patches, optimizer = Updates(pytest.fail), Patches(), Descent()
    names = list(inspect.signature(Descent.stateless_apply).parameters)[1:]
    updates.stateless(Descent, patches)
    updates.start(optax)
    try:
        given = dict(zip(names, ([], [jnp.ones(2)], [jnp.zeros(2)]), strict=True))
        assert optimizer.stateless_apply(**given)[0][0].shape == (2,)
        made = optax.apply_updates(params={"w": jnp.ones(2)}, updates={"w": jnp.ones(2)})
        assert made["w"].tolist() == [2.0, 2.0]
    finally:
        updates.stop()
        patches.undo()
    assert len(updates.places) == 2
