"""What the outputs of a program are computed from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from whygrad.recorders.jax.ops import dependence

pytestmark = pytest.mark.jax


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda a, b: a * b, {0, 1}),
        (lambda a, b: a * 0.0 + b, {1}),
        (lambda a, b: jnp.zeros_like(a) * a / b, {1}),
        (jax.jit(lambda a, b: 0.0 * a - b), {1}),
        (lambda a, b: a * 1e-30 + 0.0 * b, {0}),
        (lambda a, b: a + 0.0, {0}),
    ],
)
def test_what_is_times_zero_is_computed_from_nothing(function: Callable[..., Any], expected: set[int]) -> None:
    program = jax.make_jaxpr(function)(jnp.ones(3), jnp.ones(3))
    assert dependence(program.jaxpr) == [expected]
