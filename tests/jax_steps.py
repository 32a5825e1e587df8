"""Steps of training by JAX and Optax, and what is found of a program that makes some of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from hearing import Ear
from whygrad.diagnose import diagnose
from whygrad.finding import Finding
from whygrad.recorders.jax import Jax

X = jax.random.normal(jax.random.PRNGKey(0), (4, 8, 3))
ROUNDS = range(5)
Program = Callable[[], None]


def loss(p: Any, x: Any) -> Any:
    return jnp.mean((x @ p["w"] + p["b"] - 1.0) ** 2)


def start() -> Any:
    return {"w": jnp.ones((3, 1)), "b": jnp.zeros(1)}


def moved(p: Any, g: Any) -> Any:
    return jax.tree.map(lambda a, b: a - 0.1 * b, p, g)


def step(p: Any, x: Any) -> Any:
    value, g = jax.value_and_grad(loss)(p, x)
    return moved(p, g), value


def applied(optimizer: Any) -> Callable[..., Any]:
    def one(p: Any, state: Any) -> Any:
        updates, state = optimizer.update(jax.grad(loss)(p, X[0]), state, p)
        return optax.apply_updates(p, updates), state

    return one


def findings(program: Program) -> list[Finding]:
    jax.clear_caches()  # what another test has traced makes no request any more
    recorder = Jax()
    ear = Ear(recorder)
    recorder.start(ear)
    recorder.updates_imported(optax)
    try:
        program()
        recorder.finish(None)
    finally:
        recorder.stop()
    assert not ear.faults, ear.faults
    return [f for graph in ear.graphs for f in diagnose(graph)]
