"""Errors of Optax over trees that do not fit: what was handed to the optimizer, and what it was made for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("optax")

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from hearing import Ear
from whygrad.diagnose import diagnose
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.jax import Jax
from whygrad.recorders.jax.trees import misfit, no_arrays, took_integers

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]
X = jnp.ones((3, 3))
P = {"w": jnp.ones((3, 3)), "b": jnp.zeros(3)}


def loss(x: Any, p: Any) -> Any:
    return jnp.mean((x @ p["w"] + p["b"]) ** 2)


def adam(state_of: Any, gradient: Any, params: Any = None) -> None:
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.1))
    optimizer.update(gradient, optimizer.init(state_of), params)


def by_the_data() -> None:
    adam(P, jax.grad(loss)(X, P))


def by_the_outputs() -> None:
    adam(P, jax.grad(lambda out: jnp.mean(out**2))(X @ P["w"] + P["b"]), P)


def the_value_first() -> None:
    gradient, _ = jax.value_and_grad(loss, 1)(X, P)
    adam(P, gradient)


def a_part_of_the_tree() -> None:
    adam(P["w"], jax.grad(loss, 1)(X, P))


def applied_to_another_tree() -> None:
    optax.apply_updates({"params": P}, jax.grad(loss, 1)(X, P))


def by_the_data_and_mapped() -> None:
    jax.tree.map(jnp.subtract, P, jax.grad(loss)(X, P))


def by_the_data_and_mapped_under_compilation() -> None:
    jax.jit(lambda p: jax.tree.map(lambda g, w: w - g, jax.grad(loss)(X[:2], p), p))(P)


def the_value_first_and_mapped() -> None:
    gradient, _ = jax.value_and_grad(loss, 1)(X, P)
    jax.tree_util.tree_map(jnp.subtract, P, gradient)


def another_tree_beside() -> None:
    jax.tree.map(jnp.add, {"w": jnp.ones((3, 3)), "c": 1.0}, jax.grad(loss, 1)(X, P))


def fits() -> None:
    adam(P, jax.grad(loss, 1)(X, P))
    raise TypeError("a matter of the script's own")


@pytest.mark.parametrize(
    ("program", "kind", "cause", "place"),
    [
        (by_the_data, "other-source", "wrong-source", "jax.grad(loss)(X, P)"),
        (by_the_outputs, "other-source", "wrong-source", "jax.grad(lambda out"),
        (by_the_data_and_mapped, "other-source", "wrong-source", "jax.grad(loss)(X, P)"),
        (by_the_data_and_mapped_under_compilation, "other-source", "wrong-source", "jax.grad(loss)(X[:2], p)"),
        (the_value_first_and_mapped, "value-for-gradient", "graph-error", "jax.value_and_grad("),
        (the_value_first, "value-for-gradient", "graph-error", "jax.value_and_grad("),
        (a_part_of_the_tree, "other-tree", "graph-error", "optimizer.update("),
        (applied_to_another_tree, "other-tree", "graph-error", "optax.apply_updates("),
    ],
)
def test_what_it_is_about(program: Callable[[], None], kind: str, cause: str, place: str, ear: Ear) -> None:
    with pytest.raises((TypeError, ValueError)) as raised:
        program()
    found = misfit(raised.value, ear.graphs[-1])
    assert found is not None
    assert found.fault.kind == kind
    graph = GraphBuilder("jax", "grad").graph((), found.parameters, (), error="TypeError: x", fault=found.fault)
    (finding,) = diagnose(graph)
    assert finding.cause == cause
    assert finding.culprit is not None
    assert (finding.culprit.code or "").startswith(place)


def test_of_a_tree_only_the_part_is_meant_that_was_not_asked_for(ear: Ear) -> None:
    with pytest.raises(ValueError, match="structure") as raised:
        adam(P, jax.grad(lambda part: loss(X, {**P, **part}))({"w": P["w"]}))
    found = misfit(raised.value, ear.graphs[-1])
    assert found is not None
    assert (found.fault.kind, [p.path for p in found.parameters]) == ("other-source", ["params/b"])


def a_model_into_jit(model: Any) -> None:
    jax.jit(lambda m, x: jax.vmap(m)(x))(model, X)


def a_model_into_an_optimizer(model: Any) -> None:
    optax.adam(0.1).init(model)


def a_model_and_something_else(model: Any) -> None:
    jax.jit(lambda name: name)("a string")


@pytest.mark.parametrize(
    ("program", "kind"),
    [
        (a_model_into_jit, "jit-no-array"),
        (a_model_into_an_optimizer, "init-no-array"),
        (a_model_and_something_else, None),
    ],
)
def test_what_is_no_array(program: Callable[[Any], None], kind: str | None) -> None:
    model = eqx.nn.MLP(3, 1, 2, 1, key=jax.random.key(0))
    with pytest.raises(TypeError) as raised:
        program(model)
    found = no_arrays(raised.value)
    assert (found and found.fault.kind) == kind
    assert found is None or found.fault.detail == "model.activation"
    assert found is None or [p.path for p in found.parameters][:1] == ["model/layers/0/weight"]


@pytest.mark.parametrize("program", [fits, another_tree_beside])
def test_another_error(program: Callable[[], None], ear: Ear) -> None:
    with pytest.raises((TypeError, ValueError)) as raised:
        program()
    assert misfit(raised.value, ear.graphs[-1]) is None


def descend(params: Any, gradient: Any) -> None:
    jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient)


@pytest.mark.parametrize("update", [adam, descend])
def test_answers_for_integers_that_are_taken_for_gradients(update: Callable[[Any, Any], None]) -> None:
    recorder = Jax()
    recorder.start(Ear(recorder))
    p = {"w": jnp.ones((3, 3)), "b": jnp.arange(3)}
    try:
        with pytest.raises(TypeError) as raised:
            update(p, jax.grad(loss, 1, allow_int=True)(X, p))
    finally:
        recorder.stop()
    assert took_integers(raised.value)
    assert recorder.told is not None
    assert recorder.told.integers is not None
    (finding,) = diagnose(replace(recorder.told.integers, error="TypeError: x"))
    assert finding.cause == "integer-dtype"
    assert [each.path for each in finding.parameters] == ["p/b"]
