"""Running a recorded function again: what comes back must be worth what JAX's own gradient is."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any

import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from jax_healthy import HEALTHY, X, Y, net
from whygrad.diagnose import diagnose
from whygrad.graph import Graph
from whygrad.recorders.jax import Jax, located
from whygrad.recorders.jax.compiled import Held
from whygrad.recorders.jax.replay import replay, worth
from whygrad.recorders.jax.requests import Request
from whygrad.recorders.jax.tape import Program
from whygrad.recorders.recorder import Asked

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]


class Last:
    """A sink that keeps what the last request was."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []
        self.graph: Graph | None = None
        self.faults: list[BaseException] = []

    def asked(self, request: Asked) -> None:
        assert request.graph is not None
        self.graph = request.graph()
        self.seen.append(request.seen)

    def told(self, graph: Graph) -> None:
        self.graph = graph

    def came_round(self, function: Hashable = None) -> None:
        pass

    def fault(self, framework: str, error: BaseException) -> None:
        self.faults.append(error)


def recorded(ask: Callable[[], Any]) -> tuple[list[Program | None], Last, Any]:
    """The programs of the requests that a function makes, what a sink heard, and what the function gave."""
    recorder, last, programs = Jax(), Last(), []
    heard = recorder.requests.heard

    def listen(request: Request) -> None:
        programs.append(request.trace.program() if request.trace is not None else None)
        heard(request)

    recorder.requests.heard = listen
    recorder.start(last)
    try:
        return programs, last, ask()
    finally:
        recorder.stop()
        assert not last.faults, last.faults


@pytest.mark.parametrize("name", ["regression", "recurrent"])
def test_what_comes_back_is_worth_what_jax_gives(name: str) -> None:
    loss, params = HEALTHY[name]()
    programs, _, gradient = recorded(lambda: jax.grad(loss)(params))
    program = programs[-1]
    if program is None or program.variables:
        pytest.skip("holds a derivative inside, which is not run again")
    seen = replay(program, {}).seen
    leaves = jax.tree_util.tree_leaves(gradient)
    assert [seen[v] for v in program.sources] == [worth(g) for g in leaves]


def test_the_arrays_of_a_compiled_call_are_found() -> None:
    def inner(p: Any, x: Any) -> Any:
        return jnp.sum((x @ p) ** 2)

    def step(p: Any, x: Any) -> Any:
        return jax.lax.scan(lambda c, _: (c - jax.grad(inner)(c * 2, x), None), p, None, length=2)[0]

    p, x = jnp.ones((3, 1)), jnp.ones((2, 3))
    programs, _, _ = recorded(lambda: jax.jit(step)(p, x))
    program = programs[0]
    assert program is not None
    closed = jax.make_jaxpr(jax.jit(step))(p, x)
    wanted = set(program.variables.values())
    if not located.holds(closed.jaxpr, wanted):
        pytest.skip("JAX has traced it anew")
    found = located.arrays(closed, [p, x], wanted)
    assert any(bool((jnp.asarray(v) == 2).all()) for v in found.values())


def steps_of(loss: Callable[..., Any], params: Any, compiled: bool, count: int) -> Last:
    def step(p: Any) -> Any:
        return jax.tree.map(lambda a, g: a - 0.01 * g, p, jax.grad(loss)(p))

    def run() -> None:
        one, p = (jax.jit(step) if compiled else step), params
        for _ in range(count):
            p = one(p)

    return recorded(run)[1]


@pytest.mark.parametrize("compiled", [False, True])
def test_dead_units_are_told_when_steps_agree(compiled: bool) -> None:
    def loss(p: Any) -> Any:
        return jnp.mean((jax.nn.relu(X @ p["l1"]["w"] - 100.0) @ p["l2"]["w"] + p["shift"] - Y) ** 2)

    first, second = net(3, 4, 1)
    params = {"l1": {"w": first["w"]}, "l2": {"w": second["w"]}, "shift": jnp.ones(1)}
    early = steps_of(loss, params, compiled, 3)
    assert early.graph is not None
    assert not any("zero" in seen for seen in early.seen)
    late = steps_of(loss, params, compiled, 8)
    assert late.graph is not None
    assert [f.cause for f in diagnose(late.graph)] == ["zero-gradient"]
    assert late.graph.cotangents


@pytest.mark.parametrize("compiled", [False, True])
def test_a_root_at_zero_is_found_with_its_element(compiled: bool) -> None:
    def loss(p: Any) -> Any:
        return jnp.sum(jnp.sqrt(jnp.array([1.0, 0.0, 4.0]) * p))

    last = steps_of(loss, jnp.zeros(()) + 2.0, compiled, 1)
    assert last.graph is not None
    (finding,) = diagnose(last.graph)
    assert finding.cause == "nonfinite-gradient"
    assert "its input is 0 at [1]" in finding.notes


@pytest.mark.parametrize("compiled", [False, True])
def test_a_loss_that_is_no_number_is_told_where_that_begins(compiled: bool) -> None:
    def loss(p: Any) -> Any:
        root = jnp.linalg.cholesky(p["noise"] * jnp.eye(3))
        return jnp.sum(jnp.log(jnp.diag(root))) + p["mean"] * root.sum()

    last = steps_of(loss, {"noise": jnp.float32(-1.0), "mean": jnp.float32(1.0)}, compiled, 1)
    assert last.graph is not None
    (finding,) = diagnose(last.graph)
    assert finding.culprit is not None
    assert finding.culprit.code == 'jnp.linalg.cholesky(p["noise"] * jnp.eye(3))'
    assert len(finding.parameters) == 2
    assert "its result is nan at [0, 0]" in finding.notes


def test_a_shortcut_of_jax_is_there_again_afterwards() -> None:
    from whygrad.recorders.jax import compat

    compiling = compat.compiling()
    assert compiling is not None
    before = [getattr(compiling, name) for name in (compat.RUN, compat.AGAIN)]
    steps_of(lambda p: jnp.sum(p**2), jnp.ones(2), True, 2)
    assert [getattr(compiling, name) for name in (compat.RUN, compat.AGAIN)] == before


def test_without_a_private_name_it_is_said_once_and_the_public_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    from jax._src.interpreters import ad

    last, recorder = Last(), Jax()
    with monkeypatch.context() as patch:
        patch.delattr(ad, "LinearizeTrace")
        recorder.start(last)
    jax.grad(lambda w: w * 2.0)(1.0)
    recorder.stop()
    assert [type(f).__name__ for f in last.faults] == ["MissingName"]
    assert last.graph is not None


def test_without_the_place_of_compiled_calls_the_rest_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    from whygrad.recorders.jax import compat

    monkeypatch.setattr(compat, "RUN", "no_such_name")
    last = Last()
    recorder = Jax()
    recorder.start(last)
    gradient = jax.jit(jax.grad(lambda p: jnp.sum(p**2)))
    for _ in range(3):
        gradient(jnp.ones(2))
    recorder.stop()
    assert [type(f).__name__ for f in last.faults] == ["MissingName"]
    assert last.graph is not None


@pytest.mark.parametrize("size", [3, 200])
def test_what_a_compiled_request_closed_over_is_not_kept_alive(size: int) -> None:
    closed = jnp.ones((size, size))
    seen = weakref.ref(closed)
    held = Held.of(None, Program((), {0: closed}, {}, 0, ()))
    assert set(held.arrays() or ()) == {0}
    del closed
    assert seen() is None
    assert (held.arrays() is None) == (size > 128)  # of a small one there is a copy


def test_numbers_that_the_loss_leaves_out_are_blamed_where_they_begin() -> None:
    kept = jnp.array([[True, True], [False, False]])

    def loss(p: Any) -> Any:
        weights = jax.nn.softmax(jnp.where(kept, p["scores"], -jnp.inf))
        return jnp.sum(jnp.where(kept, weights @ p["values"], 0.0))

    last = steps_of(loss, {"scores": jnp.ones((2, 2)), "values": jnp.ones((2, 2))}, compiled=False, count=1)
    assert last.graph is not None
    (finding,) = diagnose(last.graph)
    assert finding.cause == "nonfinite-gradient"
    assert finding.culprit is not None
    assert (finding.culprit.code or "").startswith("jax.nn.softmax(")
