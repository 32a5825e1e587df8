"""Looks at compiled steps of Optax: the numbers are right, and nothing is changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

import jax
import jax.numpy as jnp
import optax

from watching_run import watched_run
from whygrad.recorders.jax import Jax, health
from whygrad.recorders.recorder import Sink
from whygrad.watching.watched import Watched

pytestmark = pytest.mark.jax
Run = Callable[[Callable[[], None]], Watched]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    class Imported(Jax):
        """Optax is there already."""

        def start(self, sink: Sink) -> None:
            super().start(sink)
            self.updates_imported(optax)

    return lambda program: watched_run(program, Imported(), tmp_path / "run-1")[0]


def parameters(depth: int) -> dict[str, Any]:
    keys = jax.random.split(jax.random.PRNGKey(0), depth)
    return {f"l{n}": {"w": jax.random.normal(keys[n], (8, 8)) * 0.4, "b": jnp.zeros(8)} for n in range(depth)}


def training(transform: Any, depth: int, steps: int, activation: Any = jnp.tanh, **jit: Any) -> tuple[Any, list[Any]]:
    """Train with a step that is compiled whole; what came of it, and the gradients of each step."""

    def loss_of(p: Any, x: Any) -> Any:
        for n in range(depth):
            x = activation(x @ p[f"l{n}"]["w"] + p[f"l{n}"]["b"])
        return jnp.mean((x - 1) ** 2)

    @partial(jax.jit, **jit)
    def step(params: Any, state: Any, x: Any) -> Any:
        gradients = jax.grad(loss_of)(params, x)
        updates, state = transform.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, jax.tree.map(jnp.linalg.norm, gradients)

    params, norms = parameters(depth), []
    state = transform.init(params)
    for n in range(steps):
        params, state, norm = step(params, state, jax.random.normal(jax.random.PRNGKey(n), (16, 8)))
        norms.append({f"p/{layer}/{name}": float(v) for layer, held in norm.items() for name, v in held.items()})
    return params, norms


@pytest.mark.parametrize("transform", [optax.adam(0.01), optax.adamw(0.01), optax.sgd(0.01, momentum=0.9)])
def test_gradients_are_read_off_the_state(run: Run, transform: Any) -> None:
    kept: list[Any] = []
    plain, _ = training(transform, 2, 20)
    watched = run(lambda: kept.extend(training(transform, 2, 20)))
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), plain, kept[0])))
    course = watched.courses["step"]
    assert course.steps == 20
    assert [look.step for look in course.kept][:2] == [2, 4]  # the first compiles
    assert course.looks >= 4
    for look in course.kept:
        assert {p.path: p.gradient for p in look.parameters} == pytest.approx(kept[1][look.step - 1], rel=1e-3)
        assert all(p.update for p in look.parameters)


def test_arguments_that_are_used_up(run: Run) -> None:
    watched = run(lambda: training(optax.adam(0.01), 2, 10, donate_argnums=(0, 1)) and None)
    assert watched.courses["step"].looks >= 3


def test_deep_sigmoids_vanish(run: Run) -> None:
    watched = run(lambda: training(optax.adam(0.01), 9, 20, jax.nn.sigmoid) and None)
    (remark,) = watched.remarks
    assert remark.kind == "vanishing"
    assert "from `p/l8/w` to `p/l0/w`" in remark.text
    assert "times a sigmoid lies between" in remark.text


def test_a_compiled_step_without_an_average_is_not_seen(run: Run) -> None:
    transform = optax.sgd(0.01)
    watched = run(lambda: training(transform, 2, 10) and None)
    assert watched.courses == {}
    assert "none was seen" in watched.notes[0]


def test_a_script_that_does_not_use_jax_hears_nothing_of_it(run: Run) -> None:
    assert run(lambda: None).notes == ()


def test_short_steps_are_let_go(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "DETOUR", math.inf)  # on a busy machine no step is short
    watched = run(lambda: training(optax.adam(0.01), 1, 200) and None)
    course = watched.courses["step"]
    assert course.steps < 200
    assert "was not looked at any more" in watched.notes[0]


def test_a_step_outside_of_jit(run: Run) -> None:
    kept: list[Any] = []

    def train() -> Any:
        transform, params = optax.chain(optax.clip_by_global_norm(0.1), optax.sgd(0.5)), parameters(2)
        state = transform.init(params)
        for _ in range(6):
            gradients = jax.grad(lambda p: jnp.mean((p["l0"]["w"] @ p["l1"]["w"] + p["l1"]["b"]) ** 2))(params)
            updates, state = transform.update(gradients, state, params)
            kept.append((params, gradients, updates))
            params = optax.apply_updates(params, updates)
        return params

    plain = train()
    kept.clear()
    new = optax.GradientTransformationExtraArgs.__new__
    found: list[Any] = []
    watched = run(lambda: found.append(train()))
    assert optax.GradientTransformationExtraArgs.__new__ is new
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), plain, found[0])))
    (course,) = watched.courses.values()
    assert course.steps == 6
    for look in course.kept:
        measured = {p.path: (p.weight, p.gradient, p.update) for p in look.parameters}
        old, gradients, updates = kept[look.step - 1]
        for layer in ("l0", "l1"):
            true = [float(jnp.linalg.norm(tree[layer]["w"])) for tree in (old, gradients, updates)]
            assert measured[f"p/{layer}/w"] == pytest.approx(true, rel=1e-5)
