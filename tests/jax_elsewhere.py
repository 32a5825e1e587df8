"""Compiled steps whose updates go elsewhere, or are never made."""

from __future__ import annotations

from typing import Any

import jax
import optax

from jax_moving import still
from jax_steps import ROUNDS, X, loss, moved, start


@still
def updates_of_a_target() -> None:
    optimizer = optax.sgd(0.1)

    @jax.jit
    def one(p: Any, target: Any, state: Any, x: Any) -> Any:
        updates, state = optimizer.update(jax.grad(loss)(p, x), state)
        return p, optax.apply_updates(target, updates), state  # <- here

    p, target, state = start(), moved(start(), start()), optimizer.init(start())
    for n in ROUNDS:
        p, target, state = one(p, target, state, X[n % len(X)])


@still
def updates_that_a_condition_never_lets_through() -> None:
    optimizer = optax.sgd(0.1)

    @jax.jit
    def one(p: Any, state: Any, x: Any) -> Any:
        gradients = jax.grad(loss)(p, x)

        def made(_: Any) -> Any:
            updates, new = optimizer.update(gradients, state)
            return optax.apply_updates(p, updates), new

        return jax.lax.cond(optax.global_norm(gradients) > 1e6, made, lambda _: (p, state), None)  # <- here

    p, state = start(), optimizer.init(start())
    for n in ROUNDS:
        p, state = one(p, state, X[n % len(X)])
