"""Steps that are made until the script ends, and move nothing, or not all: the optimizer or the script holds back."""

from __future__ import annotations

import inspect

import pytest

pytest.importorskip("optax")

import jax
import optax

import jax_elsewhere  # noqa: F401 (more programs that stand still)
from hearing import Ear
from jax_moving import LEFT, MEANT, STILL, an_accumulation_that_never_comes_due
from jax_steps import ROUNDS, Program, X, applied, findings, loss, start, step
from whygrad.diagnose import diagnose
from whygrad.recorders.jax import Jax

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]


def marked(program: Program) -> int:
    lines, first = inspect.getsourcelines(program)
    (line,) = (first + n for n, line in enumerate(lines) if "# <- here" in line)
    return line


@pytest.mark.parametrize("program", STILL, ids=lambda p: p.__name__)
def test_what_stands_still(program: Program) -> None:
    found = findings(program)
    assert {(f.cause, f.culprit.line) for f in found if f.culprit} == {("not-updated", marked(program))}
    assert {p.path.split("/")[-1] for f in found for p in f.parameters} == {"w", "b"}


def test_a_run_that_is_cut_short_is_a_note() -> None:
    (found,) = findings(an_accumulation_that_never_comes_due)
    assert found.severity == "note"


@pytest.mark.parametrize("program", LEFT, ids=lambda p: p.__name__)
def test_what_is_left_out(program: Program) -> None:
    found = findings(program)
    assert {(f.cause, f.culprit.line) for f in found if f.culprit} == {("not-updated", marked(program))}
    assert {p.path.split("/")[-1] for f in found for p in f.parameters} == {"b"}


@pytest.mark.parametrize("program", MEANT, ids=lambda p: p.__name__)
def test_what_is_meant(program: Program) -> None:
    assert findings(program) == []


@pytest.mark.parametrize("compiled", [True, False])
def test_what_comes_due_while_nothing_is_recorded(compiled: bool) -> None:
    jax.clear_caches()
    recorder = Jax()
    ear = Ear(recorder)
    recorder.start(ear)
    recorder.updates_imported(optax)
    try:
        optimizer = optax.MultiSteps(optax.adam(0.1), 7)
        one = jax.jit(applied(optimizer)) if compiled else applied(optimizer)
        p, state = start(), optimizer.init(start())
        for n in range(9):
            p, state = one(p, state)
            if n == 4:
                recorder.rest()
        recorder.finish(None)
    finally:
        recorder.stop()
    assert not ear.faults
    assert [f for graph in ear.graphs for f in diagnose(graph)] == []


def test_a_step_that_is_first_made_while_nothing_is_recorded() -> None:
    jax.clear_caches()
    recorder = Jax()
    ear = Ear(recorder)
    recorder.start(ear)
    recorder.updates_imported(optax)
    try:
        optimizer = optax.adam(0.1)
        p, state = start(), optimizer.init(start())
        for n in ROUNDS:
            print(jax.grad(loss)(p, X[n % 4]))
        recorder.rest()
        one = jax.jit(applied(optimizer))
        for _ in ROUNDS:
            p, state = one(p, state)
        recorder.finish(None)
    finally:
        recorder.stop()
    assert not ear.faults
    assert [f for graph in ear.graphs for f in diagnose(graph)] == []


def test_a_step_that_moves_is_soon_let_go() -> None:
    jax.clear_caches()
    recorder = Jax()
    recorder.start(Ear(recorder))
    recorder.updates_imported(optax)
    try:
        optimizer = optax.adam(0.1)
        one, p, state = jax.jit(applied(optimizer)), start(), optimizer.init(start())
        for _ in ROUNDS:
            p, state = one(p, state)
        assert not recorder.movement.may_stand_still()
        recorder.rest()
        assert not recorder.compiled.awake
    finally:
        recorder.stop()
    assert step(p, X[0])[1] < step(start(), X[0])[1]
