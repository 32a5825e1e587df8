"""A release without the interpreters that we know: what a differentiated function does is told by the public way."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp
import numpy as np

from hearing import Ear
from roundtrip import survives
from whygrad.diagnose import agrees, diagnose
from whygrad.recorders.jax import Jax, apart, compat

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]
X = jnp.ones((4, 3))
CALLS: list[str] = []


def start() -> Any:
    return {"w": jnp.full((3, 2), 0.1), "b": jnp.zeros(2), "idle": jnp.ones(2)}


def stopped(p: Any, x: Any) -> Any:
    CALLS.append("stopped")
    print("once")
    h = jax.lax.stop_gradient(x @ p["w"])
    return jnp.mean((h + p["b"]) ** 2)


def loop(p: Any, x: Any) -> Any:
    return jax.lax.while_loop(lambda h: h.sum() < 9, lambda h: h + x @ p["w"] + 1, p["b"] + x[:, :2]).sum()


def with_aux(p: Any, x: Any) -> Any:
    hidden = jnp.round(x @ p["w"])
    return jnp.mean((hidden + p["b"]) ** 2), {"note": "text", "hidden": hidden}


def derivative_inside(p: Any, x: Any) -> Any:
    return jnp.sum(jax.grad(lambda x: jnp.sum((x @ p["w"]) ** 2 + p["b"]))(x) ** 2)


def numbers(p: Any, x: Any) -> Any:
    return jnp.sum(p["b"]) if float(p["w"].max()) > 0 else 0.0


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Any:
    def missing() -> Any:
        raise compat.MissingName("no such name")

    monkeypatch.setattr(compat, "private", missing)
    recorder = Jax()
    found = Ear(recorder)
    recorder.start(found)
    yield found
    recorder.finish(None)
    recorder.stop()


def causes(ear: Ear) -> dict[str, str]:
    assert all(map(survives, ear.graphs))
    found = [f for graph in ear.graphs for f in diagnose(graph)]
    return {p.path: f.cause for f in found for p in f.parameters}


@pytest.mark.parametrize("compiled", [False, True])
def test_a_cut_is_told_and_side_effects_happen_once(
    ear: Ear, compiled: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    CALLS.clear()
    ask = jax.grad(stopped)
    p = start()
    gradients = (jax.jit(ask) if compiled else ask)(p, X)
    assert CALLS == ["stopped"]
    assert capfd.readouterr().out == "once\n"
    assert causes(ear) == {"p/w": "stop-gradient", "p/idle": "not-called"}
    assert [graph.request[0].file for graph in ear.graphs] == [__file__]
    assert all(not agrees(graph) for graph in ear.graphs)
    assert np.any(np.asarray(gradients["b"]))
    assert len(ear.faults) == 1  # the note on the missing name


def test_what_jax_refuses(ear: Ear) -> None:
    with pytest.raises(ValueError, match="Reverse-mode differentiation does not work"):
        jax.grad(loop)(start(), X)
    assert causes(ear)["p/w"] == "no-registered-gradient"


def test_something_beside_the_loss(ear: Ear) -> None:
    (_, more), _ = jax.value_and_grad(with_aux, has_aux=True)(start(), X)
    assert more["note"] == "text"
    assert causes(ear) == {"p/w": "non-differentiable-op", "p/idle": "not-called"}


@pytest.mark.parametrize("function", [derivative_inside, numbers])
def test_what_can_not_be_traced_alone_is_not_judged(ear: Ear, function: Any) -> None:
    answer = jax.grad(function)
    if function is numbers:
        with pytest.raises(jax.errors.ConcretizationTypeError):
            answer(start(), X)
    else:
        answer(start(), X)
    assert set(causes(ear).values()) <= {"left-framework"}  # by JAX's own words alone


def test_a_copy_that_comes_to_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> Any:
        while True:
            pass

    monkeypatch.setattr(apart, "LONGEST", 0.1)
    assert apart.beside(endless) is None


def test_nothing_is_written_to_files_by_a_copy(tmp_path: Any) -> None:
    kept = tmp_path / "log.txt"

    def write() -> Any:
        kept.write_text("twice")

    kept.write_text("")
    assert apart.beside(write) is None
    assert kept.read_text() == ""


def test_where_no_copy_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.fork")
    assert apart.beside(lambda: None) is None
