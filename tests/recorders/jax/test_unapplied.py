"""Gradients that are there and move nothing: what is dropped, never returned, or has a learning rate of 0."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("optax")

import jax
import jax.numpy as jnp
import optax

from hearing import Ear
from whygrad.diagnose import diagnose
from whygrad.finding import Finding
from whygrad.recorders.jax import Jax
from whygrad.recorders.jax.rates import Rates

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]
X = jax.random.normal(jax.random.PRNGKey(0), (4, 8, 3))
ROUNDS = range(5)
Program = Callable[[], None]
DROPPED: list[Program] = []
APPLIED: list[Program] = []


def dropped(program: Program) -> Program:
    DROPPED.append(program)
    return program


def meant(program: Program) -> Program:
    APPLIED.append(program)
    return program


def loss(p: Any, x: Any) -> Any:
    return jnp.mean((x @ p["w"] + p["b"] - 1.0) ** 2)


def start() -> Any:
    return {"w": jnp.ones((3, 1)), "b": jnp.zeros(1)}


def moved(p: Any, g: Any) -> Any:
    return jax.tree.map(lambda a, b: a - 0.1 * b, p, g)


def step(p: Any, x: Any) -> Any:
    value, g = jax.value_and_grad(loss)(p, x)
    return moved(p, g), value


def applied(optimizer: Any) -> Callable[..., Any]:
    def one(p: Any, state: Any) -> Any:
        updates, state = optimizer.update(jax.grad(loss)(p, X[0]), state, p)
        return optax.apply_updates(p, updates), state

    return one


@dropped
def the_result_of_a_compiled_step() -> None:
    one, p, total = jax.jit(step), start(), 0.0
    for _ in ROUNDS:
        _, value = one(p, X[0])  # <- here
        total += value


@dropped
def a_call_on_its_own() -> None:
    update, p = jax.jit(step), start()
    for n in ROUNDS:
        update(p, X[n % 4])  # <- here
    loss(p, X[0])


@dropped
def a_name_that_the_step_has_of_its_own() -> None:
    @jax.jit
    def one(p: Any, x: Any) -> Any:
        _new, value = step(p, x)
        return _new, value

    p, total = start(), 0.0
    for n in ROUNDS:
        _new, value = one(p, X[n % 4])  # <- here
        total += value


@dropped
def an_evaluation_in_the_loop() -> None:
    train, p = jax.jit(step), start()
    for n in ROUNDS:
        began = time.perf_counter()
        train(p, X[n % 4])  # <- here
        print(loss(p, X[0]), time.perf_counter() - began)


@dropped
def what_is_computed_beside() -> None:
    p = start()
    for _ in ROUNDS:
        g = jax.grad(loss)(p, X[0])
        new = moved(p, g)  # noqa: F841  # <- here


@dropped
def what_is_asked_of_stays_the_old() -> None:
    optimizer, old, ask = optax.sgd(0.1), start(), jax.jit(jax.value_and_grad(loss))
    new, state = old, optimizer.init(old)
    for n in ROUNDS:
        _, g = ask(old, X[n % 4])
        updates, state = optimizer.update(g, state)
        new = optax.apply_updates(new, updates)  # <- here


@dropped
def never_handed_back() -> None:
    optimizer = optax.sgd(0.1)

    @jax.jit
    def one(p: Any, state: Any) -> Any:
        updates, state = optimizer.update(jax.grad(loss)(p, X[0]), state)
        p = optax.apply_updates(p, updates)  # <- here
        return state

    p, state = start(), optimizer.init(start())
    for _ in ROUNDS:
        state = one(p, state)


@dropped
def a_rate_of_zero() -> None:
    optimizer = optax.adam(0.0)  # <- here
    p, state, one = start(), optimizer.init(start()), applied(optimizer)
    for _ in ROUNDS:
        p, state = one(p, state)


@dropped
def a_schedule_of_zeros() -> None:
    optimizer = optax.adam(optax.cosine_decay_schedule(0.0, 100))  # <- here
    p, state, one = start(), optimizer.init(start()), jax.jit(applied(optimizer))
    for _ in ROUNDS:
        p, state = one(p, state)


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


@meant
def a_frozen_group_and_a_slow_start() -> None:
    slow = optax.join_schedules([optax.constant_schedule(0.0), optax.constant_schedule(0.1)], [50])
    optimizer = optax.multi_transform({"no": optax.sgd(0.0), "yes": optax.adam(slow)}, {"w": "no", "b": "yes"})
    p, state, one = start(), optimizer.init(start()), jax.jit(applied(optimizer))
    for _ in ROUNDS:
        p, state = one(p, state)


def findings(program: Program) -> list[Finding]:
    jax.clear_caches()  # what another test has traced makes no request any more
    recorder = Jax()
    ear = Ear(recorder)
    recorder.start(ear)
    recorder.updates_imported(optax)
    try:
        program()
        recorder.finish(None)
    finally:
        recorder.stop()
    assert not ear.faults, ear.faults
    return [f for graph in ear.graphs for f in diagnose(graph)]


@pytest.mark.parametrize("program", DROPPED, ids=lambda p: p.__name__)
def test_what_moves_nothing(program: Program) -> None:
    found = findings(program)
    lines, first = inspect.getsourcelines(program)
    (marked,) = (first + n for n, line in enumerate(lines) if "# <- here" in line)
    assert {(f.cause, f.culprit.line) for f in found if f.culprit} == {("not-updated", marked)}
    assert {p.path.split("/")[-1] for f in found for p in f.parameters} == {"w", "b"}


@pytest.mark.parametrize("program", APPLIED, ids=lambda p: p.__name__)
def test_what_is_meant(program: Program) -> None:
    assert findings(program) == []


def test_of_a_rate_nothing_is_kept_that_is_the_scripts() -> None:
    rates = Rates(lambda fault: None)
    rates.start(optax)
    try:
        array = jnp.zeros(4)
        optax.sgd(array[0])
        optax.sgd(lambda count: array[0])
        optax.sgd(optax.join_schedules([lambda count: 0.0, optax.constant_schedule(0.0)], [3]))
        optax.sgd(optax.join_schedules([optax.constant_schedule(0.0), optax.constant_schedule(0.0)], [3]))
        optax.sgd(0.0)
    finally:
        rates.stop()
    assert [rate is not None for _, rate in rates.made] == [False, False, False, True, True]


def test_the_makers_of_optimizers_are_put_back() -> None:
    before = (optax.adam, optax.apply_updates)
    findings(a_rate_of_zero)
    assert (optax.adam, optax.apply_updates) == before
