"""A loss that is made of gradients: what only shifts the differentiated quantity has none by nature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from hearing import Ear
from recorders.tensorflow.test_values import findings_of
from tensorflow_training import X
from whygrad.diagnose import agrees, diagnose

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]


class Energy(tf.Module):
    """An energy, its forces, and a head beside it that nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.bias = tf.Variable(tf.ones((4, 3)) / 4, name="hidden"), tf.Variable(0.5, name="bias")
        self.beside = tf.Variable(1.0, name="beside")

    def energy(self, r: Any) -> Any:
        _ = r * self.beside
        return tf.reduce_sum(tf.tanh(r @ self.hidden)) + self.bias

    def forces(self, r: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(r)
            energy = self.energy(r)
        return -tape.gradient(energy, r)


def train(model: Energy, forces: Callable[[Any], Any]) -> None:
    variables = [model.hidden, model.bias, model.beside]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(forces(tf.constant(X)) + X))
    tape.gradient(loss, variables)


@pytest.mark.parametrize("compiled", ["nothing", "forces", "step"])
def test_what_only_shifts_an_energy_is_not_spoken_of(compiled: str, ear: Ear) -> None:
    model = Energy()
    if compiled == "step":
        tf.function(train)(model, model.forces)
    else:
        forces = tf.function(model.forces) if compiled == "forces" else model.forces
        for _ in range(4):  # the third run of a compiled request counts as a step
            train(model, forces)
    graph = ear.graphs[-1]
    assert not agrees(graph)
    assert [p.name for p in graph.parameters if p.asked] == ["hidden", "beside"]
    assert [(f.cause, [p.path for p in f.parameters]) for f in diagnose(graph)] == [("unused-output", ["beside"])]


def test_a_gradient_that_nobody_reads_excuses_nothing(ear: Ear) -> None:
    model = Energy()
    with tf.GradientTape() as tape:
        model.forces(tf.constant(X))
        loss = tf.reduce_sum(model.hidden)
    tape.gradient(loss, [model.hidden, model.bias])
    assert [p.asked for p in ear.graphs[-1].parameters][:2] == [True, True]


def test_what_shifts_is_excused_behind_a_second_derivative_too(ear: Ear) -> None:
    model, x = Energy(), tf.constant(X)
    with tf.GradientTape() as tape:
        with tf.GradientTape() as second:
            second.watch(x)
            with tf.GradientTape() as first:
                first.watch(x)
                energy = model.energy(x)
            slope = first.gradient(energy, x)
        loss = tf.reduce_mean(tf.square(second.gradient(slope, x)))
    tape.gradient(loss, [model.hidden, model.bias])
    assert [p.name for p in ear.graphs[-1].parameters if p.asked] == ["hidden"]


def test_what_only_shifts_is_not_spoken_of_where_the_tape_opens_too_late(ear: Ear) -> None:
    model = Energy()
    with tf.GradientTape():  # of a second derivative, which is over by then
        forces = model.forces(tf.constant(X))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(forces + X))
    tape.gradient(loss, [model.hidden, model.bias])
    found = diagnose(ear.graphs[-1])
    assert [(f.cause, [p.path for p in f.parameters]) for f in found] == [("recording-off", ["hidden"])]


def curvature(activation: Callable[[Any], Any], also_slope: bool) -> list[Any]:
    """What is found of a network whose second derivative is fitted, and its slope as well."""

    def program() -> None:
        w, x = tf.Variable(tf.ones((4, 3)) / 4, name="w"), tf.constant(X)
        for _ in range(4):
            with tf.GradientTape() as tape:
                with tf.GradientTape() as second:
                    second.watch(x)
                    with tf.GradientTape() as first:
                        first.watch(x)
                        height = tf.reduce_sum(activation(x @ w))
                    slope = first.gradient(height, x)
                bend = second.gradient(slope, x)
                loss = tf.reduce_mean(tf.square(bend + 1.0) + also_slope * tf.square(slope - X))
            w.assign_sub(0.1 * tape.gradient(loss, w))

    return findings_of(program)


def test_a_rectifier_has_no_second_derivative() -> None:
    (finding,) = curvature(tf.nn.relu, also_slope=False)
    assert (finding.cause, [p.path for p in finding.parameters]) == ("zero-gradient", ["w"])
    assert "derivative of a rectifier's slope" in finding.title
    assert finding.culprit is not None
    assert finding.culprit.code == "second.gradient(slope, x)"


@pytest.mark.parametrize(("activation", "also_slope"), [(tf.tanh, False), (tf.nn.relu, True)])
def test_what_is_curved_or_learns_of_slopes_is_silent(activation: Callable[[Any], Any], also_slope: bool) -> None:
    assert curvature(activation, also_slope) == []


def test_a_slope_that_is_not_finite_is_told_where_the_root_is() -> None:
    def program() -> None:
        w, x = tf.Variable(tf.ones((4, 1)), name="w"), tf.constant(X * 0.0)
        for _ in range(4):
            with tf.GradientTape() as tape:
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    energy = tf.reduce_sum(tf.sqrt(tf.reduce_sum(x * x, 1, keepdims=True)) @ w[:1])
                loss = tf.reduce_mean(tf.square(inner.gradient(energy, x) - 1.0))
            w.assign_sub(0.1 * tape.gradient(loss, w))

    (finding,) = findings_of(program)
    assert (finding.cause, {p.path for p in finding.parameters}) == ("nonfinite-gradient", {"x", "w"})
    assert finding.culprit is not None
    assert finding.culprit.code == "tf.sqrt(tf.reduce_sum(x * x, 1, keepdims=True))"
