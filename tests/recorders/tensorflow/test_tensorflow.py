"""TensorFlow's own answers against the graph's, over many small programs, in one process."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import numpy as np
import tensorflow as tf

from hearing import Ear
from whygrad import spec
from whygrad.diagnose import agrees, diagnose
from whygrad.recorders.tensorflow import TensorFlow

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras


X = np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)
Y = X.sum(1, keepdims=True)


def train(model: Any, x: Any = X, y: Any = Y, around: Callable[..., Any] = lambda t: t) -> None:
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(around(model(x, training=True)) - y))
    tape.gradient(loss, model.trainable_variables)


def mlp() -> Any:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(1)])


def recurrent() -> None:
    layers = [
        keras.Input((3, 4)),
        keras.layers.LSTM(3, return_sequences=True),
        keras.layers.GRU(2),
        keras.layers.Dense(1),
    ]
    train(keras.Sequential(layers), np.ones((8, 3, 4), "float32"))


def transformer() -> None:
    inputs = keras.Input((3, 4))
    attended = keras.layers.MultiHeadAttention(2, 2)(inputs, inputs)
    x = keras.layers.LayerNormalization()(inputs + attended)
    train(keras.Model(inputs, keras.layers.Dense(1)(x[:, 0])), np.random.default_rng(0).normal(size=(8, 3, 4)))


def convolutional() -> None:
    layers = [
        keras.Input((6, 6, 1)),
        keras.layers.Conv2D(2, 3),
        keras.layers.BatchNormalization(),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(1),
    ]
    train(keras.Sequential(layers), np.ones((8, 6, 6, 1), "float32"))


def compiled() -> None:
    tf.function(lambda m: train(m))(mlp())


def called_function() -> None:
    model = mlp()
    forward = tf.function(lambda x: model(x))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(forward(X))
    tape.gradient(loss, model.trainable_variables)


def fitted() -> None:
    model = mlp()
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=1, verbose=0)


def fitted_eagerly() -> None:
    model = mlp()
    model.compile("adam", "mse", run_eagerly=True)
    model.fit(X, Y, epochs=1, verbose=0)


def loops() -> None:
    w = tf.Variable(0.5)

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            _, out = tf.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, s * w), (tf.constant(0), tf.constant(2.0)))
            out += tf.reduce_sum(tf.map_fn(lambda v: v * w, tf.constant(X[0])))
            out += tf.cond(out > 0, lambda: w * 2.0, lambda: w * 3.0)
        return tape.gradient(out, [w])

    step()


def second_order() -> None:
    w = tf.Variable(2.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = w**3
        slope = inner.gradient(y, w)
    outer.gradient(slope, w)


def variables_in_the_fast_path() -> None:
    a, b = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])
    with tf.GradientTape() as tape:
        y = tf.constant([1.0, 1.0]) * a + tf.constant([2.0, 2.0]) * b
    tape.gradient(y, [a, b])


def harmless_stop() -> None:
    train(mlp(), around=lambda t: t + tf.stop_gradient(t * 2.0))


def logging_on_the_way() -> None:
    def log(t: Any) -> Any:
        float(tf.reduce_mean(t))
        np.asarray(t)
        tf.argmax(t, -1).numpy()
        return t

    train(mlp(), around=log)


def own_gradient() -> None:
    @tf.custom_gradient
    def reverse(x: Any) -> Any:
        return tf.identity(x), lambda up: -up

    train(mlp(), around=reverse)


def recomputed() -> None:
    model = mlp()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.recompute_grad(lambda x: model(x))(tf.constant(X)))
    tape.gradient(loss, model.trainable_variables)


def jacobian() -> None:
    w = tf.Variable([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        y = w * w
    tape.jacobian(y, w)


def in_a_thread() -> None:
    thread = threading.Thread(target=lambda: train(mlp()))
    thread.start()
    thread.join()


HEALTHY = [
    lambda: train(mlp()),
    recurrent,
    transformer,
    convolutional,
    compiled,
    called_function,
    fitted,
    fitted_eagerly,
    loops,
    second_order,
    variables_in_the_fast_path,
    harmless_stop,
    logging_on_the_way,
    own_gradient,
    recomputed,
    jacobian,
    in_a_thread,
]


@pytest.mark.parametrize("program", HEALTHY, ids=lambda p: p.__name__)
def test_a_healthy_program_is_silent(program: Callable[[], None], ear: Ear) -> None:
    program()
    assert ear.graphs
    for graph in ear.graphs:
        spec.check(graph)
        assert agrees(graph) == []
        assert diagnose(graph) == []


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


def _namespaces() -> list[dict[str, Any]]:
    from keras.src.layers.layer import Layer
    from tensorflow.python.eager import backprop, record
    from tensorflow.python.eager.polymorphic_function.atomic_function import AtomicFunction
    from tensorflow.python.framework import constant_op, ops
    from tensorflow.python.ops.resource_variable_ops import BaseResourceVariable

    owners = (
        backprop.GradientTape, record, AtomicFunction, constant_op, ops._EagerTensorBase, BaseResourceVariable, Layer,
        threading.Thread,
    )  # fmt: skip
    return [dict(vars(owner)) for owner in owners]


def test_every_hook_is_gone_after_stop() -> None:
    from tensorflow.python.eager import context
    from tensorflow.python.framework import ops

    from whygrad.recorders.tensorflow.crossings import _slots

    _ = keras.layers.Layer
    before, slot = _namespaces(), _slots(ops.EagerTensor)
    recorder = TensorFlow()
    recorder.start(Ear())
    during = _namespaces()
    train(mlp())
    recorder.stop()
    assert any(a != b for a, b in zip(before, during, strict=True))
    assert _namespaces() == before
    assert _slots(ops.EagerTensor) == slot
    assert context.context().op_callbacks == []


def test_no_tensor_is_kept_alive(ear: Ear) -> None:
    with tf.GradientTape() as tape:
        w = tf.Variable([1.0, 2.0])
        hidden = w * 3.0
        alive = weakref.ref(hidden)
        loss = tf.reduce_sum(hidden)
    tape.gradient(loss, [w])
    del hidden, tape, loss
    assert alive() is None


def test_recording_changes_no_number() -> None:
    def losses() -> list[float]:
        keras.utils.set_random_seed(3)
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
        )
        optimizer, seen = keras.optimizers.Adam(0.1), []
        for _ in range(10):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(model(X, training=True) - Y))
            variables = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            seen.append(float(loss))
        return seen

    plain = losses()
    recorder = TensorFlow()
    recorder.start(Ear())
    recorded = losses()
    recorder.stop()
    assert recorded == plain
