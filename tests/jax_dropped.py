"""Programs on plain JAX that drop what they have computed; the culprit line ends in ``# <- here``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jax_healthy import X, Y, mlp, net

Program = Callable[[], tuple[Callable[..., Any], Any]]
DROPPED: dict[str, tuple[str, Program]] = {}


def dropped(program: Program) -> None:
    DROPPED[program.__name__] = "unused-output", program


@dropped
def an_array_that_was_to_change() -> tuple[Callable[..., Any], Any]:
    def put(memory, n, value):
        memory.at[n].set(value)  # <- here
        return memory

    def loss(p):
        memory = jnp.zeros((2, 4))
        for n in range(2):
            memory = put(memory, n, mlp(p["write"], X[n]))
        return jnp.mean((memory.sum(0) + mlp(p["read"], X)) ** 2)

    return loss, {"write": net(3, 4), "read": net(3, 4)}


@dropped
def a_layer_on_a_line_of_its_own() -> tuple[Callable[..., Any], Any]:
    def block(p, h):
        h = jnp.tanh(h @ p["up"])
        mlp(p["mix"], h)  # <- here
        h = h[:, :3]
        return h  # noqa: RET504

    return lambda p: jnp.mean((block(p, X).sum(1, keepdims=True) - Y) ** 2), {"up": jnp.ones((3, 4)), "mix": net(4, 4)}


@dropped
def a_name_that_is_bound_anew() -> tuple[Callable[..., Any], Any]:
    def norm(p, h):
        out = p["gain"] * h
        out = h + p["bias"]  # <- here
        return out  # noqa: RET504

    return lambda p: jnp.mean((norm(p, X) - Y) ** 2), {"gain": jnp.ones(3), "bias": jnp.zeros(3)}


@dropped
def the_last_turn_of_a_loop() -> tuple[Callable[..., Any], Any]:
    def deep(layers, h):
        found = []
        for layer in layers:
            found.append(h)
            h = jnp.tanh(h @ layer)
        return sum(found)  # <- here

    return lambda p: jnp.mean((deep(p["layers"], X) - Y) ** 2), {"layers": [jnp.eye(3), jnp.eye(3) * 0.5]}
