"""Sums of gradients that are cleared too early in compiled code, and constraints that undo each update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from recorders.tensorflow.test_values import findings_of
from tensorflow_useless import X, dense

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras


def accumulate(clear_first: bool, read: Callable[[Any], Any] = lambda variable: variable) -> None:
    layer = dense("layer")
    optimizer, sums = keras.optimizers.SGD(0.01), [tf.Variable(tf.zeros_like(v)) for v in layer.trainable_variables]
    optimizer.build(layer.trainable_variables)
    count = tf.Variable(0)

    def clear() -> None:
        for one in sums:
            one.assign(tf.zeros_like(one))

    def apply() -> None:
        if clear_first:
            clear()
        optimizer.apply_gradients(zip([read(one) for one in sums], layer.trainable_variables, strict=True))
        clear()

    @tf.function
    def step() -> None:
        count.assign_add(1)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((layer(X) - 1.0) ** 2)
        for one, gradient in zip(sums, tape.gradient(loss, layer.trainable_variables), strict=True):
            one.assign_add(gradient)
        tf.cond(count % 2 == 0, apply, lambda: None)

    for _ in range(6):
        step()


def cleared_first() -> None:
    accumulate(clear_first=True)


def cleared_first_and_read() -> None:
    accumulate(clear_first=True, read=lambda variable: tf.identity(variable))


def cleared_afterwards() -> None:
    accumulate(clear_first=False)


class Back(keras.constraints.Constraint):  # type: ignore[misc]
    def __call__(self, weight: Any) -> Any:
        return tf.ones_like(weight)


def constrained(constraint: Any, fitted: bool = False) -> None:
    layer = keras.layers.Dense(1, kernel_initializer="ones", kernel_constraint=constraint, name="layer")
    model = keras.Sequential([keras.Input((4,)), layer], name="model")
    if fitted:
        model.compile("sgd", "mse")
        model.fit(X, X[:, :1], epochs=4, verbose=0)
        return
    optimizer = keras.optimizers.SGD(0.01)
    for _ in range(6):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X) - 1.0) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))


def undone() -> None:
    constrained(Back())


def undone_in_fit() -> None:
    constrained(Back(), fitted=True)


def held_after_a_step() -> None:
    constrained(keras.constraints.MaxNorm(0.0))


def positive() -> None:
    constrained(keras.constraints.NonNeg())


def multiplier_at_its_limit() -> None:
    layer, multiplier = dense("layer"), tf.Variable(0.0, constraint=keras.constraints.NonNeg(), name="multiplier")
    optimizer = keras.optimizers.SGD(0.01)
    for _ in range(6):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(X) ** 2) + multiplier
        variables = [*layer.trainable_variables, multiplier]
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))


@pytest.mark.parametrize(
    ("program", "paths", "words"),
    [
        (cleared_first, {"layer/kernel", "layer/bias"}, "is handed zeros in its place"),
        (cleared_first_and_read, {"layer/kernel", "layer/bias"}, "is handed zeros in its place"),
        (undone, {"model/layer/kernel"}, "its constraint undoes each update"),
        (undone_in_fit, {"model/layer/kernel"}, "its constraint undoes each update"),
        (held_after_a_step, {"model/layer/kernel"}, "its constraint undoes each update"),
    ],
)
def test_what_moves_nothing(program: Callable[[], None], paths: set[str], words: str) -> None:
    findings = [f for f in findings_of(program) if f.cause == "not-updated"]
    assert {p.path for f in findings for p in f.parameters} == paths
    assert all(words in f.title for f in findings)


@pytest.mark.parametrize("program", [cleared_afterwards, positive, multiplier_at_its_limit])
def test_look_alikes_are_silent(program: Callable[[], None]) -> None:
    assert findings_of(program) == []
