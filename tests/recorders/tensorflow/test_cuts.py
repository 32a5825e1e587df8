"""Each way to cut, named, and TensorFlow's own answers against the graph's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import numpy as np
import tensorflow as tf

from hearing import Ear
from tensorflow_training import X, Y, mlp, train
from whygrad import spec
from whygrad.diagnose import agrees, diagnose

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]


@tf.custom_gradient
def gives_none(x: Any) -> Any:
    return tf.identity(x), lambda up: None


def through_a_buffer(t: Any) -> Any:
    return tf.identity(tf.Variable(tf.zeros((8, 1)), trainable=False).assign(t))


CUTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "stop": ("stop-gradient", tf.stop_gradient),
    "argmax": ("non-differentiable-op", lambda t: tf.cast(tf.argmax(t, -1), tf.float32)),
    "round": ("non-differentiable-op", tf.round),
    "compare": ("non-differentiable-op", lambda t: tf.cast(t > 0.0, tf.float32)),
    "cast": ("integer-dtype", lambda t: tf.cast(tf.cast(t, tf.int32), tf.float32)),
    "numpy": ("left-framework", lambda t: tf.constant(t.numpy() * 2.0)),
    "floats": ("left-framework", lambda t: tf.constant([[float(v)] for v in t[:, 0]])),
    "asarray": ("left-framework", lambda t: tf.constant(np.tanh(t))),
    "numpy_function": ("left-framework", lambda t: tf.numpy_function(np.tanh, [t], tf.float32)),
    "assign": ("state-write", through_a_buffer),
    "none": ("custom-gradient", gives_none),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_cut_is_named_and_agrees_with_tensorflow(name: str, ear: Ear) -> None:
    kind, cut = CUTS[name]
    train(mlp(), around=cut)
    (graph,) = ear.graphs
    spec.check(graph)
    assert agrees(graph) == []
    (finding,) = diagnose(graph)
    assert finding.cause == kind
    assert len(finding.parameters) == 4


@pytest.mark.parametrize("name", ["stop", "argmax", "round", "compare", "cast", "numpy_function", "none"])
def test_a_cut_is_named_when_traced(name: str, ear: Ear) -> None:
    kind, cut = CUTS[name]
    model = mlp()
    tf.function(lambda: train(model, around=cut))()
    graph = ear.graphs[0]
    spec.check(graph)
    assert agrees(graph) == []
    assert {f.cause for f in diagnose(graph)} == {kind}


def test_what_runs_outside_the_tape_is_recording_off(ear: Ear) -> None:
    model = mlp()
    predicted = model(X)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(predicted - Y))
    tape.gradient(loss, model.trainable_variables)
    (graph,) = ear.graphs
    assert agrees(graph) == []
    assert [f.cause for f in diagnose(graph)] == ["recording-off"]


@pytest.mark.parametrize("compiled", [False, True])
def test_what_is_made_of_an_input_before_the_tape_watches_it(compiled: bool, ear: Ear) -> None:
    image, model = tf.constant(X), mlp()

    def slope(image: Any) -> Any:
        scaled = image * 2.0
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_mean(model(scaled))
        return tape.gradient(loss, image)

    assert (tf.function(slope) if compiled else slope)(image) is None
    (graph,) = ear.graphs
    assert agrees(graph) == []
    (finding,) = diagnose(graph)
    assert finding.cause == "recording-off"
    assert finding.culprit is not None
    assert finding.culprit.code == "image * 2.0"


def test_a_variable_as_the_loss_is_what_was_last_written_to_it(ear: Ear) -> None:
    model, total = mlp(), tf.Variable(0.0, trainable=False)
    with tf.GradientTape() as tape:
        loss = total.assign(tf.reduce_mean(tf.square(model(X) - Y)))
    tape.gradient(loss, model.trainable_variables)
    (finding,) = diagnose(ear.graphs[0])
    assert (finding.cause, len(finding.parameters)) == ("state-write", 4)
    assert finding.culprit is not None
    assert (finding.culprit.code or "").startswith("total.assign(")


@pytest.mark.parametrize("traced", [False, True])
def test_zeros_in_place_of_none_hide_nothing(traced: bool, ear: Ear) -> None:
    used, cut = tf.Variable(2.0, name="used"), tf.Variable(3.0, name="cut")

    def step() -> None:
        with tf.GradientTape() as tape:
            loss = used * 2.0 + tf.stop_gradient(cut * 2.0)
        tape.gradient(loss, [used, cut], unconnected_gradients=tf.UnconnectedGradients.ZERO)

    (tf.function(step) if traced else step)()
    (finding,) = diagnose(ear.graphs[0])
    assert finding.cause == "stop-gradient"
    assert [(p.path, p.gradient) for p in finding.parameters] == [("cut", "zero")]


def test_a_step_function_is_blamed_before_the_stop_beside_it(ear: Ear) -> None:
    train(mlp(), around=lambda t: tf.sign(t) * tf.stop_gradient(tf.reduce_mean(tf.abs(t))))
    (finding,) = diagnose(ear.graphs[0])
    assert finding.cause == "non-differentiable-op"
    assert [label.span.code for label in finding.labels] == [
        "tf.sign(t)",
        "tf.stop_gradient(tf.reduce_mean(tf.abs(t)))",
    ]


def test_a_variable_of_a_plain_object_is_told_where_it_is_made(ear: Ear) -> None:
    class Weighting:
        def __init__(self) -> None:
            self.scale = tf.Variable(1.0, name="scale")

    class Weighted(tf.keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.weighting = tf.keras.layers.Dense(1), Weighting()

        def call(self, x: Any) -> Any:
            return self.body(x) * self.weighting.scale

    model = Weighted()
    model(X)
    train(model)
    (finding,) = diagnose(ear.graphs[0])
    assert finding.cause == "untracked"
    assert finding.culprit is not None
    assert finding.culprit.code == 'tf.Variable(1.0, name="scale")'


def test_a_frozen_model_whose_request_is_empty_is_told_at_the_end(ear: Ear) -> None:
    model = mlp()
    model.trainable = False
    train(model)
    ear.recorder.finish(None)
    (finding,) = diagnose(ear.graphs[-1])
    assert finding.cause == "frozen"
    assert finding.culprit is not None
    assert finding.culprit.code == "model.trainable"


def test_a_request_of_a_gradient_that_was_not_given_is_no_fault_of_its_own(ear: Ear) -> None:
    x = tf.constant(2.0)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            y = x * x
        first = inner.gradient(y, x)
    with pytest.raises(TypeError):
        outer.gradient(first, x)
    assert [graph.parameters[0].gradient for graph in ear.graphs] == ["none"]


def test_what_a_function_computes_while_recording_is_stopped_is_told_there(ear: Ear) -> None:
    model = mlp()

    def residual(tape: Any) -> Any:
        with tape.stop_recording():
            values = model(X)
        return values * 2.0

    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(residual(tape) ** 2)
    tape.gradient(loss, model.trainable_variables)
    (finding,) = diagnose(ear.graphs[0])
    assert finding.cause == "recording-off"
    assert finding.culprit is not None
    assert finding.culprit.code == "model(X)"
    assert "recording was stopped" in finding.title


class Branching(tf.keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.blocks = [tf.keras.layers.Dense(4, name=f"block_{i}") for i in range(2)]
        self.out = tf.keras.layers.Dense(1, name="out")
        self.plain = False

    def call(self, x: Any) -> Any:
        for block in self.blocks:
            h = block(x)
            if self.plain:
                x = h
        return self.out(x)


def test_what_a_branch_that_is_not_taken_would_use_is_told_in_its_function(ear: Ear) -> None:
    train(Branching())
    (finding,) = diagnose(ear.graphs[0])
    assert finding.cause == "unused-output"
    assert finding.culprit is not None
    assert [finding.culprit.code, *(label.span.code for label in finding.labels[1:])] == ["self.out(x)", "block(x)"]


def test_a_stopped_target_that_is_asked_in_the_place_of_its_twin_is_another_model(ear: Ear) -> None:
    online, target = mlp(), mlp()
    goal = Y + 0.9 * target(X)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((online(X) - tf.stop_gradient(goal)) ** 2)
    tape.gradient(loss, target.trainable_variables)
    (finding,) = diagnose(ear.graphs[0])
    assert finding.cause == "wrong-source"


def test_a_stop_before_a_twin_is_a_stop(ear: Ear) -> None:
    first = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(4)])
    second = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(4)])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(second(tf.stop_gradient(first(X))) ** 2)
    tape.gradient(loss, first.trainable_variables)
    (finding,) = diagnose(ear.graphs[0])
    assert finding.cause == "stop-gradient"
