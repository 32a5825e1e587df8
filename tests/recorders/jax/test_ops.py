"""Which edges carry a derivative: what JAX's forward pass says is what its backward pass says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp
import numpy
from jax import lax

from whygrad.recorders.jax import ops

pytestmark = pytest.mark.jax
X, W, N = jnp.ones((4, 4)), jnp.full((4, 4), 0.5), jnp.arange(4)
PLAIN: list[Callable[..., Any]] = [
    lambda x, w: x @ w,
    lambda x, w: jnp.maximum(x, w),
    lambda x, w: jnp.where(x > w, x, w),
    lambda x, w: jnp.round(x) + w,
    lambda x, w: jnp.floor(x * w),
    lambda x, w: lax.stop_gradient(x) * w,
    lambda x, w: (jnp.argmax(x, -1), w.sum()),
    lambda x, w: jnp.sort(x, -1) + w,
    lambda x, w: lax.top_k(x, 2),
    lambda x, w: x[N] + w[N, N],
    lambda x, w: lax.conv_general_dilated(x[None, None], w[None, None], (1, 1), "SAME"),
    lambda x, w: jax.nn.softmax(x) + jax.nn.relu(w),
    lambda x, w: lax.reduce_max(x, (0,)) + lax.reduce_min(w, (1,)),
    lambda x, w: lax.clamp(0.0, x, 1.0) - jnp.sign(w),
    lambda x, w: lax.bitcast_convert_type(x, jnp.int32).astype(x.dtype) + w,
    lambda x, w: jnp.fft.fft(x).real + w,
]
OTHERWISE: list[Callable[..., Any]] = [
    lambda x, w: x.at[N].set(w),
    lambda x, w: x.at[N].add(w[0]),
    lambda x, w: jnp.cumsum(x) * jnp.prod(w),
    lambda x, w: jnp.linalg.solve(x + 3 * jnp.eye(4), w),
    lambda x, w: lax.dynamic_slice(x, (0, 1), (2, 2)) @ w[:2],
    lambda x, w: lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (1, 1), "VALID") + w[:3, :3],
    lambda x, w: lax.while_loop(lambda v: v.sum() < 9, lambda v: v + w, x),
    lambda x, w: jax.pure_callback(numpy.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x) + w,
    lambda x, w: lax.scan(lambda c, v: (c + v, None), x, w[None])[0],
    lambda x, w: lax.cond(x.sum() > 0, lambda: x, lambda: w),
]


def edges(function: Callable[..., Any], way: Callable[..., Any]) -> Any:
    outs = jax.tree_util.tree_leaves(jax.eval_shape(function, X, W))
    sinks = [n for n, out in enumerate(outs) if ops.is_float(out)]
    return way(function, [X, W], outs, [0, 1], sinks)


def forwards(function: Any, ins: Any, outs: Any, sources: Any, sinks: Any) -> Any:
    return ops._forwards(function, ops._plain(ins), sources, sinks)


@pytest.mark.parametrize("function", PLAIN)
def test_both_ways_agree(function: Callable[..., Any]) -> None:
    found = edges(function, forwards)
    assert found is not None
    assert edges(function, ops._backwards) == (None, found)
    assert edges(function, ops._reached) == (None, found)


@pytest.mark.parametrize("function", OTHERWISE)
def test_what_only_the_way_back_tells(function: Callable[..., Any]) -> None:
    assert edges(function, forwards) is None
    assert edges(function, ops._reached) == edges(function, ops._backwards)
