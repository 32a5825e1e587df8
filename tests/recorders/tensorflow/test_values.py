"""Gradients that exist and do not help, as whole runs: a session around the recorder, in one process."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import numpy as np
import tensorflow as tf

from whygrad.finding import Finding
from whygrad.recorders.tensorflow import TensorFlow
from whygrad.session import Session

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras
X = np.linspace(0.1, 1, 32, dtype="float32").reshape(8, 4)
Loss = Callable[[], Any]


def findings_of(program: Callable[[], None]) -> list[Finding]:
    session = Session(["program.py"], 10, lambda finding: None)
    recorder = TensorFlow()
    session.recorders.append(recorder)
    _ = keras.layers.Layer  # Keras is loaded lazily
    recorder.start(session)
    program()
    report = session.close(0, None)
    assert report.notes == ()
    return [f for f in report.findings if f.severity != "note"]


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


def root(compiled: bool) -> None:
    lost, kept = dense("lost", kernel_initializer="zeros", use_bias=False), dense("kept")
    steps(
        [lost, kept],
        lambda: tf.reduce_mean(tf.sqrt(tf.reduce_sum(lost(X) ** 2)) + kept(X)),
        compiled=compiled,
    )


def root_at_zero() -> None:
    root(compiled=False)


def root_at_zero_compiled() -> None:
    root(compiled=True)


def root_at_zero_fitted() -> None:
    model = keras.Sequential(
        [keras.Input((4,)), dense("lost", kernel_initializer="zeros", use_bias=False)],
    )
    model.compile(keras.optimizers.SGD(0.1), lambda y, p: tf.sqrt(tf.reduce_sum(p**2)))
    model.fit(X, X[:, :1], epochs=2, verbose=0)


def no_rate() -> None:
    lost = dense("lost")
    steps([lost], lambda: tf.reduce_mean(lost(X) ** 2), rate=0.0)


def no_rate_fitted() -> None:
    model = keras.Sequential([keras.Input((4,)), dense("lost")])
    model.compile(keras.optimizers.SGD(0.0), "mse")
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


@pytest.mark.parametrize(
    ("program", "cause", "paths"),
    [
        (dead_relu, "zero-gradient", {"lost/kernel", "lost/bias"}),
        (dead_relu_for_long, "zero-gradient", {"lost/kernel", "lost/bias"}),
        (dead_relu_compiled, "zero-gradient", {"lost/kernel", "lost/bias"}),
        (root_at_zero, "nonfinite-gradient", {"lost/kernel"}),
        (root_at_zero_compiled, "nonfinite-gradient", {"lost/kernel"}),
        (root_at_zero_fitted, "nonfinite-gradient", {"lost/kernel"}),
        (handed_zeros, "not-updated", {"lost/kernel", "lost/bias"}),
        (left_out, "not-updated", {"lost/kernel", "lost/bias"}),
        (no_rate, "not-updated", {"lost/kernel", "lost/bias"}),
        (no_rate_fitted, "not-updated", {"lost/kernel", "lost/bias"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_gradient_that_does_not_help(program: Callable[[], None], cause: str, paths: set[str]) -> None:
    findings = findings_of(program)
    assert {f.cause for f in findings} == {cause}
    assert {p.path for f in findings for p in f.parameters} == paths
    assert all(f.culprit is not None and f.culprit.file == __file__ for f in findings)


@pytest.mark.parametrize(
    "program",
    [
        factor_zero_at_first,
        factor_zero_at_first_compiled,
        bias_before_a_norm,
        switched_on_late,
        random_and_compiled,
        two_optimizers,
    ],
)
def test_a_harmless_zero(program: Callable[[], None]) -> None:
    assert findings_of(program) == []


def test_a_compiled_step_is_measured_without_a_trace() -> None:
    """The copy that runs beside a step neither counts it twice nor draws its random numbers."""

    def trained() -> list[Any]:
        keras.utils.set_random_seed(0)
        layer, counter = dense("layer", 2), tf.Variable(0)
        generator = keras.random.SeedGenerator(1)
        optimizer = keras.optimizers.Adam(0.1)

        @tf.function
        def step() -> Any:
            counter.assign_add(1)
            with tf.GradientTape() as tape:
                value = tf.reduce_mean(keras.random.dropout(layer(X), 0.5, seed=generator) ** 2)
            gradients = tape.gradient(value, layer.trainable_variables)
            optimizer.apply_gradients(zip(gradients, layer.trainable_variables, strict=True))
            return value

        values = [float(step()) for _ in range(5)]
        return [values, counter.numpy(), layer.kernel.numpy().tolist(), generator.state.numpy().tolist()]

    plain = trained()
    recorded: list[Any] = []
    assert findings_of(lambda: recorded.extend(trained())) == []
    assert recorded == plain


def test_cotangents_are_let_go() -> None:
    recorder = TensorFlow()
    recorder.start(Session([], 10, lambda finding: None))
    layer = dense("layer")
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(tf.sqrt(layer(X) ** 2))
    gradient = weakref.ref(tape.gradient(value, layer.trainable_variables)[0])
    gc.collect()
    assert gradient() is None
    assert not recorder.hooks.values.latest.cotangents
    recorder.stop()
