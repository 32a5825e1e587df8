"""The recorder of JAX: its verdict on every parameter against JAX's own, and what is left behind."""

from __future__ import annotations

import importlib
import inspect
import weakref
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp

from hearing import Ear
from jax_broken import BROKEN
from jax_dropped import DROPPED
from jax_healthy import HEALTHY, X, mlp, net
from jax_oracle import oracle
from whygrad import spec
from whygrad.diagnose import diagnose
from whygrad.graph import Graph
from whygrad.recorders.jax import Jax, compat

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]
RAISES = ("left-framework", "no-registered-gradient")


def verdict(graph: Graph, given: Any) -> list[bool]:
    """Whether there is a way for each leaf. A way is told as unknown only where what JAX gave is zero in this step."""
    zero = [not jnp.any(leaf) for leaf in jax.tree_util.tree_leaves(given)]
    return [
        p.gradient in ("present", "zero", "nonfinite") or (p.gradient == "unknown" and bool(nothing))
        for p, nothing in zip(graph.parameters, zero, strict=True)
    ]


def ask(loss: Callable[..., Any], params: Any, how: str) -> Any:
    gradient = jax.grad(loss)
    return (jax.jit(gradient) if how == "jit" else gradient)(params)


@pytest.mark.parametrize("how", ["eager", "jit"])
@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_program(name: str, how: str, ear: Ear) -> None:
    loss, params = HEALTHY[name]()
    given = ask(loss, params, how)
    for graph in ear.graphs:
        spec.check(graph)
        assert [f.cause for f in diagnose(graph) if f.severity != "note"] == []
    if name != "forces_only":  # its last bias shifts the energy, and is not spoken of
        assert verdict(ear.graphs[-1], given) == oracle(loss, params)


@pytest.mark.parametrize("how", ["eager", "jit"])
@pytest.mark.parametrize("name", BROKEN | DROPPED)
def test_a_broken_program(name: str, how: str, ear: Ear) -> None:
    cause, program = (BROKEN | DROPPED)[name]
    loss, params = program()
    if cause in RAISES:
        with pytest.raises(Exception):  # noqa: B017, PT011  whatever JAX raises, and not an error of ours
            ask(loss, params, how)
    else:
        given = ask(loss, params, how)
        found = verdict(ear.graphs[-1], given)
        assert found == oracle(loss, params)
        assert not all(found)
    spec.check(ear.graphs[-1])
    findings = diagnose(ear.graphs[-1])
    assert {f.cause for f in findings} == {cause}
    lines, first = inspect.getsourcelines(program)
    marked = {first + n for n, line in enumerate(lines) if "# <- here" in line}
    for finding in findings:
        culprit = finding.culprit
        assert culprit is not None
        assert culprit.line is not None
        assert marked & set(range(culprit.line, (culprit.end_line or culprit.line) + 1))


def test_numbers_taken_out(ear: Ear) -> None:
    def loss(p: Any) -> Any:
        scale = jnp.exp(p["s"]).item()
        return jnp.mean((X @ p["w"] * scale) ** 2)

    jax.grad(loss)({"s": jnp.array(2.0), "w": jnp.ones(3)})
    (finding,) = diagnose(ear.graphs[0])
    assert finding.cause == "left-framework"
    assert [p.path for p in finding.parameters] == ["p/s"]


def test_an_array_from_outside(ear: Ear) -> None:
    params = net(3, 1)
    jax.value_and_grad(lambda p: jnp.mean(mlp(params, X)))(params)
    (finding,) = diagnose(ear.graphs[0])
    assert finding.cause == "wrong-source"


def test_integers_are_named(ear: Ear) -> None:
    with pytest.raises(TypeError, match="real- or complex-valued inputs"):
        jax.grad(lambda p: jnp.sum(p["w"] * p["n"]))({"w": jnp.ones(3), "n": jnp.arange(3)})
    (finding,) = diagnose(ear.graphs[0])
    assert finding.cause == "integer-dtype"
    assert [p.path for p in finding.parameters] == ["p/n"]


def test_integers_that_are_allowed(ear: Ear) -> None:
    jax.grad(lambda p: jnp.sum(p["w"] * p["n"]), allow_int=True)({"w": jnp.ones(3), "n": jnp.arange(3)})
    assert diagnose(ear.graphs[0]) == []


@pytest.mark.parametrize("name", ["jacrev", "jacfwd", "hessian", "vjp", "linearize", "jvp"])
def test_every_way_to_ask(name: str, ear: Ear) -> None:
    params = {"w": jnp.ones(3), "idle": jnp.ones(2)}
    extra = {"vjp": (params,), "linearize": (params,), "jvp": ((params,), (params,))}.get(name)

    def loss(p: Any) -> Any:
        return jnp.sum(jnp.tanh(X @ p["w"]))

    getattr(jax, name)(loss, *extra) if extra is not None else getattr(jax, name)(loss)(params)
    graph = ear.graphs[0]
    assert {p.path: p.gradient for p in graph.parameters} == {"p/idle": "none", "p/w": "present"}
    assert graph.api == f"jax.{name}"


def test_the_function_runs_once_and_sees_what_it_would(ear: Ear) -> None:
    seen = []

    def loss(w: Any) -> Any:
        seen.append(type(w).__name__)
        return jnp.sum(w) * 2 if w[0] > 0 else jnp.sum(w)

    recorded = jax.grad(loss)(jnp.ones(3))
    assert recorded.tolist() == [2.0, 2.0, 2.0]
    assert seen == ["LinearizeTracer"]


def test_everything_is_put_back() -> None:
    private = compat.private()
    names = ("process_primitive", "process_custom_jvp_call", "process_custom_vjp_call", "process_call")
    before = [vars(kind).get(n) for kind in private.traces for n in names]
    before += [jax.grad, jax.value_and_grad, jax.vjp, jax.hessian, jax.custom_vjp.__call__, jax.custom_jvp.__call__]
    recorder, ear = Jax(), Ear()
    recorder.start(ear)
    jax.grad(lambda w: jnp.sum(w))(jnp.ones(3))
    after = [vars(kind).get(n) for kind in private.traces for n in names]
    assert after == before[: len(after)], "only while a request runs"
    recorder.stop()
    after += [jax.grad, jax.value_and_grad, jax.vjp, jax.hessian, jax.custom_vjp.__call__, jax.custom_jvp.__call__]
    assert after == before
    assert len(ear.graphs) == 1


def test_what_jax_says_of_operations_names_the_script(ear: Ear) -> None:
    program = jax.make_jaxpr(jax.grad(lambda w: jnp.sum(jnp.exp(w) * 2)))(jnp.ones(3))
    text = program.pretty_print(source_info=True)
    assert "test_jax.py" in text
    assert "whygrad/" not in text


PRIVATE = [
    ("core", "trace_ctx", 1),
    ("core", "Tracer", 1),
    ("interpreters.ad", "LinearizeTrace", 1),
    ("interpreters.ad", "LinearizeTracer", 1),
    ("interpreters.ad", "JVPTrace", 1),
    ("interpreters.ad", "JVPTracer", 1),
    ("core", "escaped_tracer_error", 0),
    ("source_info_util", "_source_info_context", 0),
    ("pjit", "_run_python_pjit", 1),
    ("pjit", "_need_to_rebuild_with_fdo", 1),
]


@pytest.mark.parametrize(("room", "name", "notes"), PRIVATE, ids=[name for _, name, _ in PRIVATE])
def test_a_release_without_a_private_name(room: str, name: str, notes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, ear = Jax(), Ear()
    with monkeypatch.context() as patch:
        patch.delattr(importlib.import_module(f"jax._src.{room}"), name)
        recorder.start(ear)
    try:
        gradient = jax.grad(lambda w: jnp.sum(w**2))
        assert gradient(jnp.ones(2)).tolist() == jax.jit(gradient)(jnp.ones(2)).tolist() == [2.0, 2.0]
    finally:
        recorder.stop()
    assert len(ear.faults) == notes
    assert all(isinstance(fault, compat.MissingName) and name in str(fault) for fault in ear.faults)
    assert [graph.parameters[0].path for graph in ear.graphs] == ["w", "w"]  # by the public way, if need be


def test_no_array_is_kept(ear: Ear) -> None:
    w = jnp.ones(3) * 2
    kept = weakref.ref(w)
    jax.grad(lambda w: jnp.sum(jax.lax.stop_gradient(w) * w))(w)
    del w
    assert kept() is None


def test_a_loop_of_steps_is_recorded_while_it_is_wanted(ear: Ear) -> None:
    recorder = Jax()
    recorder.start(ear)
    gradient = jax.grad(lambda w: jnp.sum(w**2))
    for _ in range(3):
        gradient(jnp.ones(2))
    seen = len(ear.graphs)
    recorder.rest()
    for _ in range(3):
        gradient(jnp.ones(2))
    recorder.stop()
    assert seen >= 3
    assert len(ear.graphs) <= seen + 1
