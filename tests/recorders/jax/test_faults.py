"""An error of ours, wherever it happens, does not reach the script, and is said once."""

from __future__ import annotations

from types import CodeType
from typing import Any

import pytest

pytest.importorskip("optax")

import jax
import jax.numpy as jnp
import numpy as np
import optax

from faults import wrongs
from whygrad.session import Session

pytestmark = [pytest.mark.jax, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
# What is asked of JAX beside the script may fail, and nothing is claimed then.
ROOMS_THAT_ASK = {"ops.py", "rules.py", "replay.py"}
X = jax.random.normal(jax.random.PRNGKey(0), (4, 3))


@jax.custom_vjp
def clipped(x: Any) -> Any:
    return jnp.clip(x, -1, 1)


clipped.defvjp(lambda x: (clipped(x), None), lambda _, g: (g,))


def loss(p: Any, x: Any) -> Any:
    count = jax.new_ref(jnp.zeros(()))
    count[...] += 1.0
    h = jnp.tanh(x @ p["w"])
    h, _ = jax.lax.scan(lambda h, _: (jnp.where(h > 0, h, 0.1 * h), None), h, None, length=2)
    h = jax.lax.cond(x[0, 0] > 9, lambda h: h, lambda h: h * 2, h)
    return jnp.mean((clipped(h) + p["b"] * jax.lax.stop_gradient(h)) ** 2) + p["idle"].sum() * 0


def program() -> list[Any]:
    """A bit of everything that a recorder listens to."""
    jax.clear_caches()
    optimizer = optax.adam(0.1)
    p = {"w": jnp.ones((3, 2)) * 0.3, "b": jnp.zeros(2), "idle": jnp.ones(2)}
    state = optimizer.init(p)

    @jax.jit
    def step(p: Any, state: Any, x: Any) -> Any:
        value, g = jax.value_and_grad(loss)(p, x)
        updates, state = optimizer.update(g, state, p)
        return optax.apply_updates(p, updates), state, value

    results: list[Any] = []
    for n in range(3):
        p, state, value = step(p, state, X + n)
        results.append(value)
    g = jax.grad(loss)(p, X)
    p = optax.apply_updates(p, jax.tree.map(lambda d: -0.1 * d, g))
    try:
        jax.grad(lambda w: jnp.sum(np.square(w)))(p["w"])
    except jax.errors.TracerArrayConversionError as error:
        results.append(type(error).__name__)
    return [np.asarray(v).tolist() for v in jax.tree.leaves((results[:3], p, g))] + results[3:]


def recorder(run: Session) -> Any:
    from whygrad.recorders.jax import Jax

    made = Jax()
    made.sink = run
    made.updates_imported(optax)
    return made


def patched() -> tuple[Any, ...]:
    return jax.grad, jax.value_and_grad, jax.custom_vjp.__call__, optax.apply_updates


def asks(code: CodeType) -> bool:
    return not ROOMS_THAT_ASK.isdisjoint(code.co_filename.split("/"))


def test_an_error_of_ours_changes_nothing_and_is_said() -> None:
    wrong = wrongs(program, recorder, patched, asks)
    assert not wrong, "\n".join(wrong)
