"""Small programs on plain JAX, as people write them: each gives a loss and its parameters, and nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Program = Callable[[], tuple[Callable[..., Any], Any]]
HEALTHY: dict[str, Program] = {}
K = jax.random.PRNGKey(0)
X = jax.random.normal(K, (8, 3))
Y = jnp.sin(X[:, :1])


def healthy(program: Program) -> Program:
    HEALTHY[program.__name__] = program
    return program


def net(*sizes: int) -> list[dict[str, Any]]:
    keys = jax.random.split(K, len(sizes) - 1)
    pairs = zip(keys, sizes[:-1], sizes[1:], strict=True)
    return [{"w": jax.random.normal(k, (i, o)) / np.sqrt(i), "b": jnp.zeros(o)} for k, i, o in pairs]


def mlp(p: Any, x: Any) -> Any:
    for layer in p[:-1]:
        x = jnp.tanh(x @ layer["w"] + layer["b"])
    return x @ p[-1]["w"] + p[-1]["b"]


@healthy
def regression() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        return jnp.mean((mlp(p, X) - Y) ** 2)

    return loss, net(3, 8, 1)


@healthy
def variational_autoencoder() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        mu, lv = jnp.split(mlp(p["enc"], X), 2, -1)
        z = mu + jnp.exp(0.5 * lv) * jax.random.normal(K, mu.shape)
        return jnp.mean((mlp(p["dec"], z) - X) ** 2) - 0.5 * jnp.mean(1 + lv - mu**2 - jnp.exp(lv))

    return loss, {"enc": net(3, 8, 4), "dec": net(2, 8, 3)}


@healthy
def inner_loop_of_meta_learning() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        def inner(q):
            return jnp.mean((mlp(q, X[:4]) - Y[:4]) ** 2)

        q = p
        for _ in range(2):
            q = jax.tree.map(lambda a, b: a - 0.1 * b, q, jax.grad(inner)(q))
        return jnp.mean((mlp(q, X[4:]) - Y[4:]) ** 2)

    return loss, net(3, 8, 1)


@healthy
def physics_informed() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        def u(x):
            return mlp(p, x[None])[0]

        residual = jax.vmap(lambda x: jax.grad(jax.grad(u))(x) + jnp.sin(x))(jnp.linspace(0.0, 1.0, 5))
        return jnp.mean(residual**2) + u(jnp.array(0.0)) ** 2

    return loss, net(1, 8, 8, 1)


@healthy
def forces_only() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        force = jax.vmap(jax.grad(lambda x: mlp(p, x)[0]))(X)
        return jnp.mean((force - X) ** 2)

    return loss, net(3, 8, 1)


@healthy
def gradient_penalty() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        def critic(x):
            return mlp(p, x)[0]

        slope = jnp.linalg.norm(jax.vmap(jax.grad(critic))(X), axis=-1)
        return jnp.mean(mlp(p, X)) - jnp.mean(mlp(p, -X)) ** 2 + 10 * jnp.mean((slope - 1) ** 2)

    return loss, net(3, 8, 1)


@healthy
def policy_gradient() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        logits = mlp(p, X)
        action = jax.random.categorical(K, logits)
        chosen = jax.nn.log_softmax(logits)[jnp.arange(8), action]
        return -jnp.mean(chosen * lax.stop_gradient(X[:, 0]))

    return loss, net(3, 8, 2)


@healthy
def clipped_policy_and_value() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        ratio = jnp.exp(jax.nn.log_softmax(mlp(p["pi"], X))[:, 0])
        surrogate = jnp.minimum(ratio * Y[:, 0], jnp.clip(ratio, 0.8, 1.2) * Y[:, 0])
        return -surrogate.mean() + jnp.mean((mlp(p["v"], X) - Y) ** 2)

    return loss, {"pi": net(3, 8, 2), "v": net(3, 8, 1)}


@healthy
def q_learning_with_own_target() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        q = mlp(p, X)
        goal = lax.stop_gradient(X[:, 0] + 0.9 * jnp.max(mlp(p, X + 1), -1))
        return jnp.mean((jnp.take_along_axis(q, jnp.argmax(q, -1)[:, None], 1)[:, 0] - goal) ** 2)

    return loss, net(3, 8, 2)


@healthy
def recurrent() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        def step(h, x):
            h = jnp.tanh(x @ p["i"] + h @ p["h"])
            return h, h @ p["o"]

        return jnp.mean(lax.scan(step, jnp.zeros(3), X)[1] ** 2)

    return loss, {"i": X[:3], "h": jnp.eye(3), "o": jnp.ones((3, 1))}


@healthy
def recurrent_and_recomputed() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        step = jax.checkpoint(lambda h, x: (jnp.tanh(x @ p["i"] + h @ p["h"]), None))
        return jnp.mean(lax.scan(step, jnp.zeros(3), X)[0] ** 2)

    return loss, {"i": X[:3], "h": jnp.eye(3)}


@healthy
def attention() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        h = p["emb"][jnp.array([1, 2, 3])]
        scores = jnp.where(jnp.tril(jnp.ones((3, 3), bool)), h @ p["q"] @ (h @ p["k"]).T, -1e9)
        logits = jax.nn.softmax(scores) @ (h @ p["v"]) @ p["emb"].T
        return -jax.nn.log_softmax(logits)[jnp.arange(3), 2].mean()

    return loss, {"emb": jax.random.normal(K, (7, 4)), "q": jnp.eye(4), "k": jnp.eye(4), "v": jnp.eye(4)}


@healthy
def straight_through() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        rounded = p["w"] + lax.stop_gradient(jnp.round(p["w"]) - p["w"])
        return jnp.mean((X @ rounded) ** 2)

    return loss, {"w": X[:3]}


@healthy
def vector_quantised() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        z = mlp(p["enc"], X)
        e = p["code"][jnp.argmin(jnp.sum((z[:, None] - p["code"]) ** 2, -1), -1)]
        q = z + lax.stop_gradient(e - z)
        stops = jnp.mean((lax.stop_gradient(z) - e) ** 2) + 0.25 * jnp.mean((z - lax.stop_gradient(e)) ** 2)
        return jnp.mean((mlp(p["dec"], q) - X) ** 2) + stops

    return loss, {"enc": net(3, 2), "code": jax.random.normal(K, (5, 2)), "dec": net(2, 3)}


@healthy
def ensemble() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        return jax.vmap(lambda one: jnp.mean((X @ one["w"] + one["b"] - Y) ** 2))(p).sum()

    return loss, jax.vmap(lambda s: {"w": s * jnp.ones((3, 1)), "b": jnp.zeros(1)})(jnp.arange(1.0, 4.0))


@healthy
def branches() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        return lax.cond(X[0, 0] > 0, lambda: (p["a"] * p["b"]).sum(), lambda: p["a"].sum())

    return loss, {"a": jnp.ones(3), "b": jnp.ones(3)}


@healthy
def frozen_part() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        body = jax.tree.map(lax.stop_gradient, p["body"])
        return jnp.mean((mlp(p["head"], mlp(body, X)) - Y) ** 2)

    return loss, {"body": net(3, 8, 4), "head": net(4, 1)}


@healthy
def dead_units_are_connected() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        return jnp.sum(jax.nn.relu(p["r"])) + jnp.sum((X @ p["w"]) ** 2)

    return loss, {"r": jnp.full(3, -5.0), "w": jnp.zeros(3)}


@healthy
def experts() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        weight, chosen = lax.top_k(jax.nn.softmax(X @ p["gate"]), 2)
        y = jnp.einsum("bd,bkdo->bko", X, p["ex"][chosen])
        return jnp.mean((jnp.sum(y * weight[..., None], 1) - Y) ** 2)

    return loss, {"gate": X[:3], "ex": jax.random.normal(K, (3, 3, 1))}


@healthy
def linear_algebra() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        values, _ = jnp.linalg.eigh(p + p.T)
        spectrum = jnp.linalg.svd(p, full_matrices=False)[1]
        return jnp.linalg.slogdet(p)[1] + jnp.linalg.solve(p, X[0]).sum() + values.sum() + spectrum.sum()

    return loss, jnp.eye(3) * 2 + 0.1


@healthy
def graph_network() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        h = p["n"] @ p["w"]
        messages = jax.ops.segment_sum(h[jnp.array([0, 1, 2, 3])], jnp.array([1, 2, 3, 4]), 5)
        return jnp.sum(jax.ops.segment_max(messages, jnp.array([0, 0, 1, 1, 1]), 2) ** 2)

    return loss, {"n": jax.random.normal(K, (5, 3)), "w": jnp.ones((3, 3))}


@healthy
def own_rule() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        @jax.custom_jvp
        def softplus(v):
            return jnp.log1p(jnp.exp(v))

        softplus.defjvp(lambda v, t: (softplus(v[0]), jax.nn.sigmoid(v[0]) * t[0]))
        return jnp.sum(jax.vmap(softplus)(X @ p))

    return loss, jnp.ones(3)


@healthy
def implicit_root() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        @partial(jax.custom_vjp, nondiff_argnums=(0,))
        def fixed(f, a, start):
            return lax.while_loop(lambda c: abs(c - f(a, c)) > 1e-5, lambda c: f(a, c), start)

        def backward(f, kept, g):
            a, x = kept
            slope = jax.grad(f, argnums=1)(a, x)
            return g * jax.grad(f)(a, x) / (1 - slope), jnp.zeros_like(x)

        fixed.defvjp(lambda f, a, start: (lambda x: (x, (a, x)))(fixed(f, a, start)), backward)
        return fixed(lambda a, x: 0.5 * (x + a / x), p, jnp.array(1.5))

    return loss, jnp.array(2.0)


@healthy
def low_rank_adapter() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        return jnp.mean((X @ (jnp.ones((3, 1)) + p["a"] @ p["b"]) - Y) ** 2)

    return loss, {"a": X[:3, :2], "b": jnp.zeros((2, 1))}


@healthy
def metrics_beside_the_loss() -> tuple[Callable[..., Any], Any]:
    def loss(p):
        logits = mlp(p, X)
        jax.debug.print("{a}", a=jnp.mean(jnp.argmax(logits, -1)))
        return -jax.nn.log_softmax(logits)[:, 0].mean()

    return loss, net(3, 2)
