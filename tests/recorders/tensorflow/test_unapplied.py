"""Gradients that move nothing: cleared too early, undone by a constraint, in a branch not taken, made in NumPy."""

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
KEPT: list[Any] = []


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


def taken_at(turn: int, beside: bool = False, count: int = 4) -> None:
    """A compiled step that hands its gradients on in one of three turns, or in none."""
    layer, other = dense("layer"), dense("other")
    optimizer, second = keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01)
    optimizer.build(layer.trainable_variables)
    second.build(other.trainable_variables)
    KEPT.extend((optimizer, second))
    turns = tf.Variable(0)

    @tf.function
    def step() -> None:
        turns.assign_add(1)
        with tf.GradientTape(persistent=True) as tape:
            loss = tf.reduce_mean((layer(X) - 1.0) ** 2 + (other(X) - 1.0) ** 2)
        gradients = tape.gradient(loss, layer.trainable_variables)

        def apply() -> None:
            optimizer.apply_gradients(zip(gradients, layer.trainable_variables, strict=True))

        tf.cond(turns % 3 == turn, apply, lambda: None)
        if beside:
            others = tape.gradient(loss, other.trainable_variables)
            second.apply_gradients(zip(others, other.trainable_variables, strict=True))

    for _ in range(count):
        step()


def never_taken() -> None:
    taken_at(3)


def never_taken_beside_another() -> None:
    taken_at(3, beside=True, count=25)


def not_taken_yet_beside_another() -> None:
    taken_at(3, beside=True)


def taken_now_and_then() -> None:
    taken_at(0)


def in_numpy(written: bool) -> None:
    model = keras.Sequential([keras.Input((4,)), dense("layer")], name="model")
    for _ in range(4):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X) - 1.0) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        weights = model.get_weights()
        for weight, gradient in zip(weights, gradients, strict=True):
            weight -= 0.1 * gradient.numpy()
        if written:
            model.set_weights(weights)


def copies_in_numpy() -> None:
    in_numpy(written=False)


def written_from_numpy() -> None:
    in_numpy(written=True)


def compared_in_numpy() -> None:
    layer = dense("layer")
    for _ in range(4):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((layer(X) - 1.0) ** 2)
        found = tape.gradient(loss, layer.trainable_variables)
        difference = 0.5 - found[0].numpy()
        squares = [gradient.numpy() ** 2 for gradient in found]
        assert len(squares) == 2
        assert difference.shape == (4, 1)


def rate_of_a_model_built_late() -> None:
    model = keras.Sequential([keras.layers.Dense(1, name="layer")], name="model")
    model.compile(keras.optimizers.SGD(keras.optimizers.schedules.PolynomialDecay(0.0, 5, 0.0)), "mse")
    model.fit(X, X[:, :1], batch_size=2, verbose=0)


@pytest.mark.parametrize(
    ("program", "paths", "words"),
    [
        (never_taken, {"layer/kernel", "layer/bias"}, "is never reached"),
        (never_taken_beside_another, {"layer/kernel", "layer/bias"}, "is never reached"),
        (copies_in_numpy, {"layer/kernel", "layer/bias"}, "makes new numbers in NumPy"),
        (rate_of_a_model_built_late, {"model/layer/kernel", "model/layer/bias"}, "learning rate was 0"),
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


@pytest.mark.parametrize(
    "program",
    [
        cleared_afterwards,
        positive,
        multiplier_at_its_limit,
        not_taken_yet_beside_another,
        taken_now_and_then,
        written_from_numpy,
        compared_in_numpy,
    ],
)
def test_look_alikes_are_silent(program: Callable[[], None]) -> None:
    assert findings_of(program) == []
