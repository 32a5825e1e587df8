"""New parameters that are made and let go: dropped, never returned, never taken back."""

from __future__ import annotations

import inspect
import time
from typing import Any

import pytest

pytest.importorskip("optax")

import jax
import optax

from jax_steps import ROUNDS, Program, X, findings, loss, moved, start, step

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]
DROPPED: list[Program] = []


def dropped(program: Program) -> Program:
    DROPPED.append(program)
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


def test_what_is_only_printed_makes_no_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    def program() -> None:
        p = start()
        for n in ROUNDS:
            value, g = jax.value_and_grad(loss)(p, X[n % 4])
            print(value, g, p)

    assert findings(program) == []
    assert capsys.readouterr().out


def test_updates_that_nothing_reads() -> None:
    def program() -> None:
        optimizer = optax.adam(0.1)
        p = start()
        state = optimizer.init(p)
        for n in ROUNDS:
            value, g = jax.value_and_grad(loss)(p, X[n % 4])
            _updates, state = optimizer.update(g, state, p)
            assert value > 0

    [finding] = findings(program)
    assert (finding.cause, finding.severity) == ("not-updated", "error")
    assert finding.culprit is not None
    assert finding.culprit.code == "optimizer.update(g, state, p)"


@pytest.mark.parametrize("program", DROPPED, ids=lambda p: p.__name__)
def test_what_moves_nothing(program: Program) -> None:
    found = findings(program)
    lines, first = inspect.getsourcelines(program)
    (marked,) = (first + n for n, line in enumerate(lines) if "# <- here" in line)
    assert {(f.cause, f.culprit.line) for f in found if f.culprit} == {("not-updated", marked)}
    assert {p.path.split("/")[-1] for f in found for p in f.parameters} == {"w", "b"}
