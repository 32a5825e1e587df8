"""Programs around features of JAX that are not met every day: each takes what is done to a value on its way.

With something that keeps the derivative all is well; with ``stop_gradient`` the marked line is to blame.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.custom_batching
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jax.experimental import checkify, io_callback
from jax.sharding import AxisType, PartitionSpec

X = jax.random.normal(jax.random.PRNGKey(1), (4, 3))
Way = Callable[[Any], Any]
Program = Callable[[Way, Any], Any]
FEATURES: dict[str, Program] = {}


def feature(program: Program) -> Program:
    FEATURES[program.__name__] = program
    return program


def start() -> Mapping[str, Any]:
    return {"w": jax.random.normal(jax.random.PRNGKey(0), (3, 2)) * 0.5, "b": jnp.full(2, 0.1)}


def error(h: Any) -> Any:
    return jnp.mean((h - 1.0) ** 2)


@feature
def a_mutable_array(way: Way, p: Any) -> Any:
    ref = jax.new_ref(jnp.zeros((4, 2)))
    ref[...] = jnp.tanh(X @ p["w"])
    ref[...] += p["b"]
    h = way(ref[...])  # <- here
    ref[...] = jnp.zeros((4, 2))
    return error(h)


@feature
def a_mutable_array_that_a_loop_writes(way: Way, p: Any) -> Any:
    ref = jax.new_ref(jnp.zeros((4, 2)))

    def turn(n: Any, _: Any) -> None:
        ref[n] = jnp.tanh(ref[n] + X[n] @ p["w"])

    jax.lax.fori_loop(0, 4, turn, None)
    return error(way(ref[...]) + p["b"])  # <- here


@feature
def a_mutable_array_in_branches(way: Way, p: Any) -> Any:
    ref = jax.new_ref(X @ p["w"])

    def doubled() -> None:
        ref[...] = 2 * ref[...]

    def shifted() -> None:
        ref[...] = ref[...] + p["b"]

    jax.lax.cond(X[0, 0] > 5, doubled, shifted)
    return error(way(jax.freeze(ref)))  # <- here


@feature
def a_mutable_array_that_is_added_to(way: Way, p: Any) -> Any:
    ref = jax.new_ref(jnp.zeros((4, 2)))
    jax.ref.addupdate(ref, ..., way(X @ p["w"]))  # <- here
    ref[1:] = ref[1:] * 2 + p["b"]
    return error(ref[...])


@feature
def a_counter_beside(way: Way, p: Any) -> Any:
    count = jax.new_ref(jnp.zeros(()))
    h = way(jnp.tanh(X @ p["w"]))  # <- here
    count[...] += 1.0
    return error(h + p["b"])


@feature
def rematerialised_by_a_policy(way: Way, p: Any) -> Any:
    @functools.partial(jax.checkpoint, policy=jax.checkpoint_policies.save_only_these_names("before"))
    def layer(p: Any, x: Any) -> Any:
        h = checkpoint_name(x @ p["w"], "before")
        h = way(h)  # <- here
        return jnp.tanh(h) + p["b"]

    return error(layer(p, X))


@feature
def a_root(way: Way, p: Any) -> Any:
    def solve(f: Any, first: Any) -> Any:
        return jax.lax.fori_loop(0, 20, lambda n, x: x - f(x) / 2, first)

    square = jnp.mean(jnp.tanh(X @ p["w"]) + p["b"]) + 2
    square = way(square)  # <- here
    root = jax.lax.custom_root(lambda z: z**2 - square, jnp.array(1.5), solve, lambda g, y: y / g(jnp.ones_like(y)))
    return (root - 1) ** 2


@feature
def a_linear_system(way: Way, p: Any) -> Any:
    a = p["w"].T @ p["w"] + 3 * jnp.eye(2)
    b = way(p["b"] + X.mean())  # <- here
    return error(jax.lax.custom_linear_solve(lambda v: a @ v, b, lambda _, b: jnp.linalg.solve(a, b), symmetric=True))


@feature
def conjugate_gradients(way: Way, p: Any) -> Any:
    a = p["w"].T @ p["w"] + 3 * jnp.eye(2)
    b = way(p["b"] + X.mean())  # <- here
    return error(jax.scipy.sparse.linalg.cg(lambda v: a @ v, b)[0])


@feature
def vectorized(way: Way, p: Any) -> Any:
    @functools.partial(jnp.vectorize, signature="(n),(n,m)->(m)")
    def linear(v: Any, w: Any) -> Any:
        return way(v @ w)  # <- here

    return error(linear(X, p["w"]) + p["b"])


@feature
def an_associative_scan(way: Way, p: Any) -> Any:
    h = way(X @ p["w"])  # <- here
    pairs = (jnp.full_like(h, 0.9), h)
    _, h = jax.lax.associative_scan(lambda a, b: (a[0] * b[0], a[1] * b[0] + b[1]), pairs)
    return error(h + p["b"])


@feature
def a_batching_rule(way: Way, p: Any) -> Any:
    @jax.custom_batching.custom_vmap
    def activation(v: Any) -> Any:
        return jnp.tanh(v)

    @activation.def_vmap
    def _(size: int, batched: Any, v: Any) -> Any:
        return jnp.tanh(v), batched[0]

    return error(jax.vmap(activation)(way(X @ p["w"])) + p["b"])  # <- here


@feature
def a_named_call(way: Way, p: Any) -> Any:
    def layer(x: Any, w: Any) -> Any:
        return way(x @ w)  # <- here

    with jax.named_scope("all"):
        return error(jax.named_call(layer, name="layer")(X, p["w"]) + p["b"])


@feature
def checked(way: Way, p: Any) -> Any:
    def inner(p: Any) -> Any:
        h = X @ p["w"]
        checkify.check(jnp.all(jnp.isfinite(h)), "not finite")
        return error(way(h) + p["b"])  # <- here

    return checkify.checkify(inner, errors=checkify.user_checks)(p)[1]


@feature
def what_is_looked_at(way: Way, p: Any) -> Any:
    seen: list[Any] = []
    h = X @ p["w"]
    jax.debug.callback(seen.append, h.mean())
    io_callback(lambda v: seen.append(float(v)), None, jax.lax.stop_gradient(h.mean()))
    two = jax.ShapeDtypeStruct((), jnp.float32)
    scale = jax.pure_callback(lambda v: np.full_like(v, 2), two, jax.lax.stop_gradient(h.mean()))
    h = way(h) * scale  # <- here
    return error(h + p["b"])


@feature
def a_closure_made_explicit(way: Way, p: Any) -> Any:
    run, taken = jax.closure_convert(lambda x: jnp.tanh(x @ p["w"]), X)
    return error(way(run(X, *taken)) + p["b"])  # <- here


@feature
def mapped_in_batches(way: Way, p: Any) -> Any:
    def one(row: Any) -> Any:
        return way(row @ p["w"])  # <- here

    return error(jax.lax.map(one, X, batch_size=2) + p["b"])


@feature
def sharded(way: Way, p: Any) -> Any:
    mesh = jax.make_mesh((1,), ("data",), axis_types=(AxisType.Auto,))
    whole, rows = PartitionSpec(), PartitionSpec("data")

    @functools.partial(jax.shard_map, mesh=mesh, in_specs=(whole, rows), out_specs=whole)
    def run(p: Any, x: Any) -> Any:
        h = way(x @ p["w"])  # <- here
        return jax.lax.pmean(error(h + p["b"]), "data")

    return run(p, X)


@feature
def sharded_by_constraint(way: Way, p: Any) -> Any:
    mesh = jax.make_mesh((1,), ("data",), axis_types=(AxisType.Auto,))
    h = jax.lax.with_sharding_constraint(X @ p["w"], jax.NamedSharding(mesh, PartitionSpec("data")))
    return error(way(h) + p["b"])  # <- here
