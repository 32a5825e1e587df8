"""Small programs on plain JAX with a fault each, as people write them; the culprit line ends in ``# <- here``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jax_healthy import K, X, Y, mlp, net

BROKEN: dict[str, tuple[str, Callable[[], tuple[Callable[..., Any], Any]]]] = {}


def broken(cause: str) -> Callable[..., Any]:
    def add(program: Callable[[], tuple[Callable[..., Any], Any]]) -> None:
        BROKEN[program.__name__] = cause, program

    return add


@broken("non-differentiable-op")
def rounded() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        return jnp.mean((jnp.round(mlp(p, X)) - Y) ** 2)  # <- here

    return loss, net(3, 1)


@broken("non-differentiable-op")
def accuracy_as_loss() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        return -jnp.mean((mlp(p, X) > 0) == (Y > 0))  # <- here

    return loss, net(3, 1)


@broken("non-differentiable-op")
def sampled_bits() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        chance = jax.nn.sigmoid(mlp(p["enc"], X))
        z = jax.random.bernoulli(K, chance).astype(jnp.float32)  # <- here
        return jnp.mean((mlp(p["dec"], z) - X) ** 2)

    return loss, {"enc": net(3, 4), "dec": net(4, 3)}


@broken("non-differentiable-op")
def sampled_class() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        chosen = jax.random.categorical(K, mlp(p["pi"], X))  # <- here
        return jnp.mean((p["emb"][chosen] - X) ** 2)

    return loss, {"pi": net(3, 4), "emb": jax.random.normal(K, (4, 3))}


@broken("non-differentiable-op")
def chosen_expert() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        _, chosen = lax.top_k(X @ p["gate"], 1)  # <- here
        return jnp.mean(jnp.sum(p["ex"][chosen[:, 0]] * X, -1) ** 2)

    return loss, {"gate": X[:3], "ex": X[:3]}


@broken("non-differentiable-op")
def sign() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        return jnp.mean((X @ jnp.sign(p["w"]) * p["s"]) ** 2)  # <- here

    return loss, {"w": X[:3], "s": jnp.ones(3)}


@broken("non-differentiable-op")
def floor_division() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        return jnp.sum((X @ p) // 0.1)  # <- here

    return loss, jnp.ones(3)


@broken("non-differentiable-op")
def histogram() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        counts, _ = jnp.histogram(X @ p, bins=4)  # <- here
        return jnp.mean((counts - 2.0) ** 2)

    return loss, jnp.ones(3)


@broken("non-differentiable-op")
def ranks() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        order = jnp.argsort(X @ p)  # <- here
        return jnp.mean((order - Y[:, 0]) ** 2)

    return loss, jnp.ones(3)


@broken("integer-dtype")
def cast() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        pixels = (X @ p["w"] * 255).astype(jnp.int32)  # <- here
        return jnp.mean((p["g"] * pixels) ** 2)

    return loss, {"w": jnp.ones(3), "g": jnp.array(1.0)}


@broken("stop-gradient")
def stop_in_a_helper() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        def normed(h):
            return lax.stop_gradient(h / jnp.linalg.norm(h))  # <- here

        return jnp.mean(mlp(p["d"], normed(mlp(p["e"], X))) ** 2)

    return loss, {"e": net(3, 4), "d": net(4, 1)}


@broken("stop-gradient")
def stop_in_a_scan() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        def step(h, x):
            h = jnp.tanh(lax.stop_gradient(h @ p["h"]) + x)  # <- here
            return h, h @ p["o"]

        return jnp.mean(lax.scan(step, jnp.zeros(3), X)[1] ** 2)

    return loss, {"h": jnp.eye(3), "o": jnp.ones((3, 1))}


@broken("stop-gradient")
def stop_under_vmap() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        def one(x):
            return jnp.dot(lax.stop_gradient(x @ p["e"]), p["d"])  # <- here

        return jnp.mean(jax.vmap(one)(X) ** 2)

    return loss, {"e": X[:3], "d": jnp.ones(3)}


@broken("stop-gradient")
def stop_in_a_checkpoint() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        @jax.checkpoint
        def one(p, x):
            return jnp.dot(lax.stop_gradient(x @ p["e"]), p["d"])  # <- here

        return jnp.mean(one(p, X[0]) ** 2)

    return loss, {"e": X[:3], "d": jnp.ones(3)}


@broken("stop-gradient")
def codebook_without_its_term() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        z = mlp(p["enc"], X)
        e = p["code"][jnp.argmin(jnp.sum((z[:, None] - p["code"]) ** 2, -1), -1)]
        q = z + lax.stop_gradient(e - z)
        commitment = jnp.mean((z - lax.stop_gradient(e)) ** 2)  # <- here
        return jnp.mean((mlp(p["dec"], q) - X) ** 2) + 0.25 * commitment

    return loss, {"enc": net(3, 2), "code": jax.random.normal(K, (5, 2)), "dec": net(2, 3)}


@broken("custom-gradient")
def backward_of_zeros() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        @jax.custom_vjp
        def scaled(x, s):
            return x * s

        def backward(kept, g):
            return g * kept[1], jnp.zeros_like(kept[1])  # <- here

        scaled.defvjp(lambda x, s: (x * s, (x, s)), backward)
        return jnp.sum(scaled(X @ p["w"], p["s"]) ** 2)

    return loss, {"w": jnp.ones(3), "s": jnp.ones(8)}


@broken("custom-gradient")
def forward_rule_of_zeros() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        @jax.custom_jvp
        def scaled(x, s):
            return x * s

        @scaled.defjvp
        def rule(primals, tangents):
            return primals[0] * primals[1], tangents[0] * primals[1]  # <- here

        return jnp.sum(jax.vmap(scaled)(X @ p["w"], p["s"]) ** 2)

    return loss, {"w": jnp.ones(3), "s": jnp.ones(8)}


@broken("unused-output")
def idle_head() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        h = mlp(p["b"], X)
        first, _second = mlp(p["h1"], h), mlp(p["h2"], h)
        return jnp.mean((first - Y) ** 2)  # <- here

    return loss, {"b": net(3, 4), "h1": net(4, 1), "h2": net(4, 1)}


@broken("unused-output")
def dropped_write() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        memory = jnp.zeros((2, 3))
        memory.at[0].set(p["e"])
        return jnp.mean((X @ p["w"]) ** 2) + memory.sum()  # <- here

    return loss, {"e": jnp.ones(3), "w": jnp.ones(3)}


@broken("not-called")
def part_left_out() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        return jnp.mean(mlp(p["c"], mlp(p["a"], X)) ** 2)  # <- here

    return loss, {"a": net(3, 4), "b": net(4, 4), "c": net(4, 1)}


@broken("not-called")
def unused_branch() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        y = X @ p["a"]
        if X.ndim > 2:
            y = y + X @ p["b"]  # <- here
        return jnp.mean(y**2)

    return loss, {"a": jnp.ones(3), "b": jnp.ones(3)}


@broken("not-called")
def last_of_a_list() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        for layer in p[:-1]:  # <- here
            h = mlp(layer, X)
        return jnp.mean(h)

    return loss, [net(3, 4), net(4, 1)]


@broken("not-called")
def made_anew() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        return jnp.mean(jnp.tanh(X @ p["in"] + jnp.zeros_like(p["start"])) ** 2)  # <- here

    return loss, {"start": jnp.ones(4), "in": jnp.ones((3, 4))}


@broken("left-framework")
def through_numpy() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        y = np.asarray(mlp(p, X))  # <- here
        return np.mean((y - 1) ** 2)

    return loss, net(3, 1)


@broken("left-framework")
def float_of_the_loss() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        return float(jnp.mean((mlp(p, X) - Y) ** 2))  # <- here

    return loss, net(3, 1)


@broken("left-framework")
def on_the_host() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        y = mlp(p, X)
        z = jax.pure_callback(np.abs, jax.ShapeDtypeStruct(y.shape, y.dtype), y)  # <- here
        return jnp.mean(z)

    return loss, net(3, 1)


@broken("no-registered-gradient")
def open_loop() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        return lax.while_loop(lambda c: c < 10, lambda c: c * p, p)  # <- here

    return loss, jnp.array(2.0)


@broken("no-registered-gradient")
def full_decomposition() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        _, spectrum, _ = jnp.linalg.svd(p)  # <- here
        return spectrum.sum()

    return loss, X[:4]
