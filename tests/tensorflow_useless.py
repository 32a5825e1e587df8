"""Programs whose gradients exist and do not help, and harmless look-alikes, for tests of the TensorFlow recorder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

keras = tf.keras
X = np.linspace(0.1, 1, 32, dtype="float32").reshape(8, 4)
Loss = Callable[[], Any]


def dense(name: str, units: int = 1, **given: Any) -> Any:
    layer = keras.layers.Dense(units, name=name, **given)
    layer.build((None, 4))
    return layer


def steps(layers: Sequence[Any], loss: Loss, count: int = 6, rate: float = 0.01, compiled: bool = False) -> None:
    keras.utils.set_random_seed(0)
    optimizer = keras.optimizers.SGD(rate)

    def step() -> None:
        variables = [v for layer in layers for v in layer.trainable_variables]
        with tf.GradientTape() as tape:
            value = loss()
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))

    run = tf.function(step) if compiled else step
    for _ in range(count):
        run()


def dead(compiled: bool, count: int = 6) -> None:
    lost, kept = dense("lost", 3, bias_initializer=keras.initializers.Constant(-100.0)), dense("kept")
    steps(
        [lost, kept],
        lambda: tf.reduce_mean((tf.reduce_sum(tf.nn.relu(lost(X)), 1, keepdims=True) + kept(X)) ** 2),
        count,
        compiled=compiled,
    )


def dead_relu() -> None:
    dead(compiled=False)


def dead_relu_for_long() -> None:
    dead(compiled=False, count=20)


def dead_relu_compiled() -> None:
    dead(compiled=True)


def nothing_but_zeros() -> None:
    """So few steps that a single parameter would not be spoken of."""
    lost = dense("lost")
    steps([lost], lambda: tf.reduce_mean(lost(X) ** 2) * 0.0, count=2)


def fed_zeros() -> None:
    """A recurrent layer of many steps, whose input is zero."""
    lost = keras.layers.SimpleRNN(3, name="lost")
    data = tf.zeros((8, 5, 4))
    lost.build((None, 5, 4))
    steps([lost], lambda: tf.reduce_mean((lost(data) - 1.0) ** 2))


def settled_softmax() -> None:
    lost, kept = dense("lost", 3), dense("kept")
    steps([lost, kept], lambda: tf.reduce_mean(tf.nn.softmax(lost(X) * 1e6) * X[:, :3]) + tf.reduce_mean(kept(X) ** 2))


def no_rate() -> None:
    lost = dense("lost")
    steps([lost], lambda: tf.reduce_mean(lost(X) ** 2), rate=0.0)


def no_rate_fitted() -> None:
    model = keras.Sequential([keras.Input((4,)), dense("lost")])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.fit(X, X[:, :1], epochs=4, verbose=0)


def no_rate_scheduled() -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.0, 10, 0.9)
    model = keras.Sequential([keras.Input((4,)), dense("lost")])
    model.compile(keras.optimizers.SGD(schedule), "mse")
    model.fit(X, X[:, :1], epochs=4, verbose=0)


def handed_zeros() -> None:
    lost = dense("lost")
    optimizer = keras.optimizers.SGD(0.1)
    for _ in range(4):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(lost(X) ** 2)
        gradients = tape.gradient(value, lost.trainable_variables)
        optimizer.apply_gradients([(g * 0.0, v) for g, v in zip(gradients, lost.trainable_variables, strict=True)])


def left_out() -> None:
    kept, lost = dense("kept"), dense("lost")
    optimizer = keras.optimizers.SGD(0.1)
    for _ in range(4):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean((kept(X) + lost(X)) ** 2)
        gradients = tape.gradient(value, kept.trainable_variables + lost.trainable_variables)
        optimizer.apply_gradients(zip(gradients, kept.trainable_variables, strict=False))


def front_filtered_away() -> None:
    """Only the head is meant to learn; all gradients are there for their norms."""
    front, head = dense("front", 4), dense("head")
    optimizer = keras.optimizers.SGD(0.1)
    for _ in range(4):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(head(tf.tanh(front(X))) ** 2)
        variables = front.trainable_variables + head.trainable_variables
        pairs = zip(tape.gradient(value, variables), variables, strict=True)
        optimizer.apply_gradients([(g, v) for g, v in pairs if "head" in v.path])


def put_back() -> None:
    lost = dense("lost")
    first, optimizer = lost.get_weights(), keras.optimizers.SGD(0.1)
    for _ in range(6):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(lost(X) ** 2)
        variables = lost.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        lost.set_weights(first)


def copied() -> None:
    lost = dense("lost")
    for _ in range(4):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(lost(X) ** 2)
        for v, g in zip(lost.trainable_variables, tape.gradient(value, lost.trainable_variables), strict=True):
            v = v - 0.1 * g


def restored_between_tasks() -> None:
    """An inner step is taken back after each task, and the outer one stays."""
    layer, outer = dense("layer"), keras.optimizers.SGD(0.1)
    variables = layer.trainable_variables
    for _ in range(5):
        before = layer.get_weights()
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(layer(X) ** 2)
        keras.optimizers.SGD(0.1).apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(layer(X) ** 2)
        gradients = tape.gradient(value, variables)
        layer.set_weights(before)
        outer.apply_gradients(zip(gradients, variables, strict=True))


def dead_on(batches: Any, more: Sequence[Any] = ()) -> None:
    off = keras.initializers.Constant(-100.0)
    hidden = dense("lost", 3, activation="relu", bias_initializer=off)
    last = keras.layers.Dense(1, use_bias=False, name="lost_too")
    model = keras.Sequential([keras.Input((4,)), hidden, *more, last], name="model")
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(batches, epochs=2, verbose=0)


def dead_on_a_dataset() -> None:
    rows = tf.data.Dataset.from_tensor_slices((X, X[:, :1]))
    dead_on(rows.map(lambda a, b: (a * 2.0, b)).shuffle(4).batch(2), [keras.layers.Dropout(0.5)])


def dead_on_a_generator() -> None:
    dead_on((X[i : i + 2], X[i : i + 2, :1]) for i in (0, 2, 4, 6, 0, 2, 4, 6))


def dead_behind_noise() -> None:
    lost = dense("lost", 3, bias_initializer=keras.initializers.Constant(-100.0))
    kept = dense("kept")

    def loss() -> Any:
        noise = tf.random.normal(X.shape) + tf.cast(tf.random.uniform((8, 1), 0, 3, tf.int32), tf.float32)
        picked = tf.one_hot(tf.random.categorical(X, 1)[:, 0], 4)
        return tf.reduce_mean((tf.nn.relu(lost(X + noise)) + kept(X * picked)) ** 2)

    steps([lost, kept], loss, compiled=True)


def factor_zero_at_first() -> None:
    down, up = dense("down", 4, use_bias=False), dense("up", use_bias=False, kernel_initializer="zeros")
    steps([down, up], lambda: tf.reduce_mean((up(down(X)) - 1) ** 2))


def factor_zero_at_first_compiled() -> None:
    down, up = dense("down", 4, use_bias=False), dense("up", use_bias=False, kernel_initializer="zeros")
    steps([down, up], lambda: tf.reduce_mean((up(down(X)) - 1) ** 2), compiled=True)


def bias_before_a_norm() -> None:
    model = keras.Sequential([keras.Input((4,)), dense("first", 4), keras.layers.BatchNormalization(), dense("last")])
    steps([model], lambda: tf.reduce_mean(model(X, training=True) ** 2))


def switched_on_late() -> None:
    gate, other = dense("gate"), dense("other")
    calls = iter(range(100))

    def loss() -> Any:
        mask = tf.zeros((8, 1)) if next(calls) < 15 else tf.ones((8, 1))
        return tf.reduce_mean((mask * gate(X) + other(X)) ** 2)

    steps([gate, other], loss, 20)


def random_and_compiled() -> None:
    layer = dense("layer")
    steps([layer], lambda: tf.reduce_mean(tf.nn.dropout(layer(X), 0.5) ** 2), compiled=True)


def two_optimizers() -> None:
    """Each takes its part of what one request gives."""
    first, second = dense("first"), dense("second")
    optimizers = [(layer, keras.optimizers.SGD(0.1)) for layer in (first, second)]
    for _ in range(4):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean((first(X) + second(X)) ** 2)
        gradients = iter(tape.gradient(value, first.trainable_variables + second.trainable_variables))
        for layer, optimizer in optimizers:
            optimizer.apply_gradients([(next(gradients), v) for v in layer.trainable_variables])


def never_applied() -> None:
    lost = dense("lost")
    keras.optimizers.SGD(0.1)
    optimizer = keras.optimizers.SGD(0.1)
    summed = [tf.zeros_like(v) for v in lost.trainable_variables]
    for step in range(5):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(lost(X) ** 2)
        summed = [s + g for s, g in zip(summed, tape.gradient(value, lost.trainable_variables), strict=True)]
        if step == 16:
            optimizer.apply_gradients(zip(summed, lost.trainable_variables, strict=True))


def only_looked_at() -> None:
    """The optimizer belongs to `compile`, and this script asks for gradients to look at them."""
    layer = dense("layer")
    model = keras.Sequential([layer])
    model.compile("sgd", "mse")
    for _ in range(5):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(layer(X) ** 2)
        tape.gradient(value, layer.trainable_variables)


def read_twice() -> None:
    lost = dense("lost")
    steps([lost], lambda: tf.reduce_mean(tf.abs(lost(X) - lost(X))))
