"""New parameters that are made and let go on purpose: clocks, benchmarks, trials, steps that come later."""

from __future__ import annotations

import time
from typing import Any

import pytest

pytest.importorskip("optax")

import jax
import jax.numpy as jnp
import optax

from jax_steps import ROUNDS, Program, X, findings, loss, moved, start, step

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]
APPLIED: list[Program] = []


def meant(program: Program) -> Program:
    APPLIED.append(program)
    return program


@meant
def a_clock_looks_at_a_step_on_constants() -> None:
    p = start()
    one = jax.jit(lambda: moved(p, jax.grad(loss)(p, X[0])))
    for _ in ROUNDS:
        jax.block_until_ready(one())


@meant
def what_is_adapted_to_each_task() -> None:
    p = start()

    @jax.jit
    def one(x: Any) -> Any:
        return moved(p, jax.grad(loss)(p, x))

    for n in ROUNDS:
        adapted = one(X[n % 4])
        print(loss(adapted, X[0]))


@meant
def a_clock_looks_at_the_step() -> None:
    one, p = jax.jit(step), start()
    for _ in ROUNDS:
        jax.block_until_ready(one(p, X[0]))
    for _ in ROUNDS:
        one(p, X[0])
    for n in ROUNDS:
        jax.block_until_ready(one(p, X[n % 4]))


@meant
def a_benchmark() -> None:
    one, p = jax.jit(step), start()
    for n in ROUNDS:
        one(p, X[n % 4])


@meant
def a_benchmark_of_parameters_that_are_counted() -> None:
    one, p = jax.jit(step), start()
    began = time.perf_counter()
    for n in ROUNDS:
        one(p, X[n % 4])
    passed = time.perf_counter() - began
    print(sum(a.size for a in p.values()) / passed)


@meant
def a_loss_that_is_waited_for() -> None:
    one, p = jax.jit(step), start()
    for n in ROUNDS:
        _new, value = one(p, X[n % 4])
        value.block_until_ready()


@meant
def a_gradient_at_the_beginning_beside_the_steps() -> None:
    optimizer, first = optax.sgd(0.1), start()
    p, state = first, optimizer.init(first)
    for n in ROUNDS:
        g = jax.tree.map(jnp.subtract, jax.grad(loss)(p, X[n % 4]), jax.grad(loss)(first, X[0]))
        updates, state = optimizer.update(g, state)
        p = optax.apply_updates(p, updates)


@meant
def a_clock_around_a_result_that_is_read_at_the_end() -> None:
    one, p = jax.jit(step), start()
    began = time.perf_counter()
    for n in ROUNDS:
        new, _ = one(p, X[n % 4])
    jax.block_until_ready(new)
    print(time.perf_counter() - began)


@meant
def a_warm_up() -> None:
    one, p = jax.jit(step), start()
    for n in ROUNDS:
        one(p, X[n % 4])
    for n in ROUNDS:
        p, _ = one(p, X[n % 4])


@meant
def gradients_are_summed_up() -> None:
    @jax.jit
    def more(p: Any, sum: Any, x: Any) -> Any:
        return jax.tree.map(jnp.add, sum, jax.grad(loss)(p, x))

    p, sum = start(), jax.tree.map(jnp.zeros_like, start())
    for n in ROUNDS:
        sum = more(p, sum, X[n % 4])
    for n in ROUNDS:
        g = jax.grad(loss)(p, X[n % 4])
        sum = jax.tree.map(jnp.add, sum, g)
    moved(p, sum)


@meant
def the_best_of_several_rates() -> None:
    @jax.jit
    def tried(p: Any, rate: Any) -> Any:
        new = jax.tree.map(lambda a, b: a - rate * b, p, jax.grad(loss)(p, X[0]))
        return new, loss(new, X[1])

    p, found = start(), []
    for n in ROUNDS:
        _, value = tried(p, 0.1 * n)
        found.append(value)


@pytest.mark.parametrize("program", APPLIED, ids=lambda p: p.__name__)
def test_what_is_meant(program: Program) -> None:
    assert findings(program) == []
