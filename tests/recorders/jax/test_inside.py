"""Compiled functions that take gradients themselves: of mapped pairs of points, and differentiated once more."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("optax")

import jax
import jax.numpy as jnp

from jax_steps import ROUNDS, Program, findings

pytestmark = pytest.mark.jax


def energy(x: Any, scale: Any) -> Any:
    return jnp.sum(jnp.sin(x * scale))


def mapped_twice() -> None:
    @jax.jit
    def repelled(points: Any) -> Any:
        slope = jax.grad(lambda b, a: jnp.exp(-jnp.sum((a - b) ** 2)))
        return points + 0.1 * jax.vmap(lambda a: jax.vmap(lambda b: slope(b, a))(points))(points).sum(1)

    points = jnp.arange(8.0).reshape(4, 2)
    for _ in ROUNDS:
        points = repelled(points)


def first_run_and_then_differentiated() -> None:
    @jax.jit
    def moved(x: Any, scale: Any) -> Any:
        return x - 0.1 * jax.grad(energy)(x, scale)

    x, scale = jnp.arange(3.0), 0.5
    for _ in range(2):
        target = moved(x, 1.0)
    for _ in ROUNDS:
        scale = float(scale - 0.1 * jax.grad(lambda s: jnp.sum((moved(x, s) - target) ** 2))(scale))


@pytest.mark.parametrize("program", [mapped_twice, first_run_and_then_differentiated], ids=lambda p: p.__name__)
def test_they_are_healthy(program: Program) -> None:
    assert findings(program) == []
