"""TensorFlow's own answers against the graph's, over many small healthy programs, in one process."""

from __future__ import annotations

import threading
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
keras = tf.keras


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
