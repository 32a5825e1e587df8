"""New parameters that are made and let go: dropped, never returned, never taken back."""

from __future__ import annotations

import inspect
import time
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("optax")

import jax
import jax.numpy as jnp
import optax

from jax_steps import ROUNDS, Program, X, findings, loss, moved, start, step
from whygrad.recorders.jax.updates import Updates
from whygrad.recorders.patching import Patches

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]
DROPPED: list[Program] = []
APPLIED: list[Program] = []


def dropped(program: Program) -> Program:
    DROPPED.append(program)
    return program


def meant(program: Program) -> Program:
    APPLIED.append(program)
    return program


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


class Trainer:
    def __init__(self) -> None:
        self.p = start()

    def step(self) -> Any:
        value, gradient = jax.value_and_grad(loss)(self.p, X[0])
        updates = jax.tree.map(lambda g: -0.1 * g, gradient)
        p = optax.apply_updates(self.p, updates)  # noqa: F841 # <- in a method
        return value


def test_a_step_that_is_made_for_its_loss() -> None:
    def program() -> None:
        trainer = Trainer()
        for _ in ROUNDS:
            value = trainer.step()
        print(value)

    (finding,) = findings(program)
    assert (finding.cause, finding.culprit and finding.culprit.code) == (
        "not-updated",
        "optax.apply_updates(self.p, updates)",
    )


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
def each_turn_begins_with_the_first_ones() -> None:
    one, first = jax.jit(step), start()
    for n in ROUNDS:
        p, value = one(first, X[n % 4])  # <- here
    loss(p, value * X[0])


@dropped
def what_is_put_back_before_each_step() -> None:
    optimizer = optax.adam(0.1)

    @jax.jit
    def one(p: Any, state: Any) -> Any:
        updates, state = optimizer.update(jax.grad(loss)(p, X[0]), state)
        return optax.apply_updates(p, updates), state

    p, state = start(), optimizer.init(start())
    for _ in ROUNDS:
        p = start()  # <- here
        p, state = one(p, state)
        print(loss(p, X[0]))


@dropped
def what_a_compiled_function_took_in_as_constants() -> None:
    p = start()

    @jax.jit
    def one(x: Any) -> Any:
        g = jax.grad(loss)(p, x)  # <- here
        return moved(p, g)

    for n in ROUNDS:
        p = one(X[n % 4])
        print(loss(p, X[0]))


@dropped
def what_a_compiled_function_took_in_with_its_data() -> None:
    p = start()

    @jax.jit
    def one() -> Any:
        g = jax.grad(loss)(p, X[0])  # <- here
        return moved(p, g)

    for _ in ROUNDS:
        p = one()
        print(loss(p, X[0]))


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


class Descent:
    """Steps as an optimizer of Keras makes them."""

    def __init__(self) -> None:
        self._trainable_variables = [SimpleNamespace(path=f"net/{n}", shape=(2,), dtype="float32") for n in "ab"]

    def stateless_apply(self, state: Any, grads: Any, values: Any) -> Any:
        return [v - 0.1 * g for v, g in zip(values, grads, strict=True)], state


@pytest.mark.parametrize("returned", [True, False])
@pytest.mark.parametrize("compiled", [True, False])
def test_new_values_of_keras_that_are_dropped(compiled: bool, returned: bool) -> None:
    updates, patches, optimizer, jaxprs = Updates(pytest.fail), Patches(), Descent(), list[Any]()
    updates.stateless(Descent, patches)

    def one(values: Any) -> Any:
        new, _ = optimizer.stateless_apply([], [jnp.ones(2), jnp.ones(2)], values)
        return new if returned else values

    try:
        values = [jnp.zeros(2), jnp.zeros(2)]
        if compiled:
            jaxprs.append(jax.make_jaxpr(one)(values))
        else:
            for _ in ROUNDS:
                values = one(values)
    finally:
        patches.undo()
    told = [g for jaxpr in jaxprs for g in updates.lost(jaxpr)] + list(updates.unapplied())
    assert [[p.path for p in graph.parameters] for graph in told] == [["net/a", "net/b"]] * (not returned)


def test_arguments_may_be_given_by_name() -> None:
    updates, patches, optimizer = Updates(pytest.fail), Patches(), Descent()
    names = list(inspect.signature(Descent.stateless_apply).parameters)[1:]
    updates.stateless(Descent, patches)
    updates.start(optax)
    try:
        given = dict(zip(names, ([], [jnp.ones(2)], [jnp.zeros(2)]), strict=True))
        assert optimizer.stateless_apply(**given)[0][0].shape == (2,)
        made = optax.apply_updates(params={"w": jnp.ones(2)}, updates={"w": jnp.ones(2)})
        assert made["w"].tolist() == [2.0, 2.0]
    finally:
        updates.stop()
        patches.undo()
    assert len(updates.places) == 2
