"""Programs that train by JAX and Optax: what stands still, what is left out, and what is meant so."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jax_steps import ROUNDS, Program, X, applied, loss, moved, start

STILL: list[Program] = []
LEFT: list[Program] = []
MEANT: list[Program] = []


def still(program: Program) -> Program:
    STILL.append(program)
    return program


def left(program: Program) -> Program:
    LEFT.append(program)
    return program


def meant(program: Program) -> Program:
    MEANT.append(program)
    return program


def train(optimizer: Any, compiled: bool = True, rounds: range = ROUNDS) -> None:
    one = jax.jit(applied(optimizer)) if compiled else applied(optimizer)
    p, state = start(), optimizer.init(start())
    for _ in rounds:
        p, state = one(p, state)


@still
def a_rate_of_zero() -> None:
    train(optax.adam(0.0), compiled=False)  # <- here


@still
def a_schedule_of_zeros() -> None:
    train(optax.adam(optax.cosine_decay_schedule(0.0, 100)))  # <- here


@still
def a_schedule_of_the_script() -> None:
    def rate(count: Any) -> Any:
        return 0.1 * (count // 100)  # <- here

    train(optax.adam(rate))


@still
def an_accumulation_that_never_comes_due() -> None:
    train(optax.MultiSteps(optax.adam(0.1), 64))  # <- here


@still
def an_eager_accumulation_that_never_comes_due() -> None:
    train(optax.MultiSteps(optax.adam(0.1), every_k_schedule=64), compiled=False)  # <- here


@still
def labels_that_hold_everything_back() -> None:
    labels = {"w": "frozen", "b": "frozen"}
    train(optax.multi_transform({"learns": optax.adam(0.1), "frozen": optax.set_to_zero()}, labels))  # <- here


@still
def a_bound_of_zero() -> None:
    train(optax.chain(optax.clip_by_global_norm(0.0), optax.sgd(0.1)))  # <- here


@still
def a_rate_of_the_script_that_is_zero() -> None:
    @jax.jit
    def one(p: Any, rate: Any) -> Any:
        return jax.tree.map(lambda a, b: a - rate * b, p, jax.grad(loss)(p, X[0]))  # <- here

    p = start()
    for n in ROUNDS:
        p = one(p, n // 10)


@still
def steps_that_the_dtype_is_too_coarse_for() -> None:
    optimizer = optax.sgd(1e-5)
    p = jax.tree.map(lambda a: a.astype(jnp.bfloat16) + 1, start())
    state = optimizer.init(p)
    for _ in ROUNDS:
        updates, state = optimizer.update(jax.grad(loss)(p, X[0]), state)
        p = optax.apply_updates(p, updates)  # <- here


@still
def an_optimizer_that_is_never_used() -> None:
    optimizer, p, ask = optax.adam(0.1), start(), jax.jit(jax.value_and_grad(loss))
    optimizer.init(p)
    for n in ROUNDS:
        _, g = ask(p, X[n % 4])  # <- here
        print(jax.tree.map(jnp.max, g))


@still
def a_branch_that_is_never_taken() -> None:
    optimizer, p, sum = optax.adam(0.1), start(), start()
    state = optimizer.init(p)
    for n in ROUNDS:
        sum = jax.tree.map(jnp.add, sum, jax.grad(loss)(p, X[n % 4]))
        if n > 100:
            updates, state = optimizer.update(sum, state)
            p = optax.apply_updates(p, updates)  # <- here


@still
def a_rate_of_zero_where_the_loss_calls_back() -> None:
    def shown(p: Any, x: Any) -> Any:
        jax.debug.callback(lambda _: None, p["b"])
        return loss(p, x)

    optimizer = optax.sgd(0.0)  # <- here

    @jax.jit
    def one(p: Any, state: Any) -> Any:
        updates, state = optimizer.update(jax.grad(shown)(p, X[0]), state)
        return optax.apply_updates(p, updates), state

    p, state = start(), optimizer.init(start())
    for _ in ROUNDS:
        p, state = one(p, state)


@still
def a_rate_of_zero_with_a_gradient_of_each_example() -> None:
    optimizer = optax.sgd(0.0)  # <- here
    each = jax.vmap(jax.grad(loss), in_axes=(None, 0))
    p, state = start(), optimizer.init(start())
    for _ in ROUNDS:
        g = jax.tree.map(lambda g: g.mean(0), each(p, X[0][:, None]))
        updates, state = optimizer.update(g, state)
        p = optax.apply_updates(p, updates)


@left
def a_part_of_a_compiled_step() -> None:
    @jax.jit
    def one(p: Any) -> Any:
        g = jax.grad(loss)(p, X[0])
        return {"w": p["w"] - 0.1 * g["w"], "b": p["b"]}  # <- here

    p = start()
    for _ in ROUNDS:
        p = one(p)


@left
def a_name_that_is_not_bound_again() -> None:
    w, b = start()["w"], start()["b"]
    for _ in ROUNDS:
        dw, db = jax.grad(lambda w, b: loss({"w": w, "b": b}, X[0]), argnums=(0, 1))(w, b)
        w, spare = w - 0.1 * dw, b - 0.1 * db  # <- here
        print(spare)


@meant
def gradients_at_one_point() -> None:
    p, ask = start(), jax.jit(jax.grad(loss))
    for n in ROUNDS:
        print(jax.tree.map(jnp.linalg.norm, ask(p, X[n % 4])))


@meant
def gradients_at_one_point_before_it_is_trained() -> None:
    optimizer, p, ask = optax.sgd(0.1), start(), jax.jit(jax.grad(loss))
    state = optimizer.init(p)
    for n in ROUNDS:
        print(jax.tree.map(jnp.linalg.norm, ask(p, X[n % 4])))
    for n in ROUNDS:
        updates, state = optimizer.update(ask(p, X[n % 4]), state)
        p = optax.apply_updates(p, updates)


@meant
def an_accumulation_that_comes_due() -> None:
    train(optax.MultiSteps(optax.adam(0.1), 3))


@meant
def a_frozen_group_and_a_slow_start() -> None:
    slow = optax.join_schedules([optax.constant_schedule(0.0), optax.constant_schedule(0.1)], [2])
    train(optax.multi_transform({"no": optax.sgd(0.0), "yes": optax.adam(slow)}, {"w": "no", "b": "yes"}))


@meant
def a_frozen_group() -> None:
    labels = {"w": "yes", "b": "no"}
    train(optax.multi_transform({"yes": optax.adam(0.1), "no": optax.set_to_zero()}, labels))


@meant
def one_part_after_the_other() -> None:
    @jax.jit
    def one(p: Any) -> Any:
        return p | {"w": p["w"] - 0.1 * jax.grad(loss)(p, X[0])["w"]}

    p = start()
    for _ in ROUNDS:
        p = one(p)
    p = p | {"b": p["b"] + 1.0}
    for _ in ROUNDS:
        p = moved(p, jax.grad(loss)(p, X[0]))


@meant
def steps_within_one_call_that_makes_the_parameters() -> None:
    @jax.jit
    def run(key: Any) -> Any:
        def one(p: Any, _: Any) -> Any:
            g = jax.grad(loss)(p, X[0])
            return optax.apply_updates(p, jax.tree.map(lambda d: -0.1 * d, g)), p["b"]

        optax.sgd(0.1)
        return jax.lax.scan(one, {"w": jax.random.normal(key, (3, 1)), "b": jnp.zeros(1)}, length=8)

    print(run(jax.random.PRNGKey(0)))


@meant
def gradients_at_one_point_and_steps_of_each_example() -> None:
    optimizer, p = optax.sgd(0.1), start()
    state = optimizer.init(p)
    for n in ROUNDS:
        print(jax.tree.map(jnp.linalg.norm, jax.grad(loss)(p, X[n % 4])))

    @jax.jit
    def one(p: Any, state: Any) -> Any:
        each = jax.vmap(jax.grad(loss), in_axes=(None, 0))(p, X[0][:, None])
        updates, state = optimizer.update(jax.tree.map(lambda g: g.mean(0), each), state)
        return optax.apply_updates(p, updates), state

    for _ in ROUNDS:
        p, state = one(p, state)


@meant
def gradients_at_one_point_and_steps_by_vjp() -> None:
    optimizer, p, other = optax.sgd(0.1), start(), start()
    state = optimizer.init(p)
    for n in ROUNDS:
        print(jax.tree.map(jnp.linalg.norm, jax.grad(loss)(other, X[n % 4])))
        value, back = jax.vjp(lambda p: loss(p, X[0]), p)
        updates, state = optimizer.update(back(jnp.ones_like(value))[0], state)
        p = jax.tree.map(jnp.add, p, updates)


@meant
def what_the_rest_is_built_on_stays() -> None:
    def deep(p: Any, x: Any) -> Any:
        return jnp.mean((jnp.tanh(x @ p["body"]) @ p["head"] - 1.0) ** 2)

    @jax.jit
    def one(p: Any) -> Any:
        return {"body": p["body"], "head": p["head"] - 0.1 * jax.grad(deep)(p, X[0])["head"]}

    p = {"body": jnp.ones((3, 2)), "head": jnp.ones((2, 1))}
    for _ in ROUNDS:
        p = one(p)
