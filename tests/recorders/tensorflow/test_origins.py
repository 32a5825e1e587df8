"""Where numbers stop being finite: in the data, in an operation, or in what a mask is multiplied with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from recorders.tensorflow.test_values import findings_of
from tensorflow_useless import X, dense, steps
from whygrad.recorders.tensorflow.origins import Origins, content

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras
FIT = "model.fit(x, X[:, :1], epochs=2, verbose=0)"
MASK = np.array([[1.0, 1.0, 0.0, 1.0]] * 8, "float32")


def test_what_a_tensor_holds() -> None:
    assert content(tf.constant([1.0, 2.0])) == "finite"
    assert content(tf.constant([3e38, 3e38])) == "finite"  # though their sum is not
    assert content(tf.constant([1.0, -np.inf])) == "infinite"
    assert content(tf.constant([np.inf, np.nan])) == "nan"
    assert content(tf.constant([1, 2])) == "finite"


def test_an_infinity_that_came_in_is_not_to_blame_for_a_nan() -> None:
    origins = Origins()
    origins.came_in(1, "infinite")
    origins.ran([1, 2], [(3, "nan")])
    origins.ran([3], [(4, "nan")])
    assert origins.of([4]) == {3: "NaN, of an infinite number that goes in"}


def test_an_infinity_that_an_operation_made_is() -> None:
    origins = Origins()
    origins.ran([1], [(2, "infinite")])
    origins.ran([2, 3], [(4, "nan")])
    assert origins.of([4]) == {2: "infinite"}
    assert origins.of([3]) == {}


def test_what_is_put_into_a_list_comes_out_of_it() -> None:
    origins = Origins()
    origins.came_in(1, "nan")
    origins.ran([1, 2], [(3, "sealed")])
    origins.ran([3], [(4, "nan")])
    assert origins.of([4]) == {1: "NaN"}
    origins.ran([2], [(5, "sealed")])
    origins.ran([5], [(6, "nan")])
    assert origins.of([6]) == {6: "NaN"}


def test_data_stand_for_themselves() -> None:
    origins = Origins()
    origins.came_in(1, "nan")
    origins.ran([1, 5], [(2, "nan"), (3, "finite")])
    assert origins.of([2]) == {1: "NaN"}
    assert origins.of([3]) == {}
    origins.clear()
    assert origins.states == {}


def hole_in_the_data() -> None:
    x = X.copy()
    x[2, 1] = np.nan
    layer = dense("layer")
    steps([layer], lambda: tf.reduce_mean(layer(tf.constant(x)) ** 2), 3)


def hole_in_what_is_fitted() -> None:
    x = X.copy()
    x[2, 1] = np.nan
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="layer")], name="model")
    model.compile("sgd", "mse")
    model.fit(x, X[:, :1], epochs=2, verbose=0)


def infinity_in_what_is_fitted() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="layer")], name="model")
    model.compile("sgd", "mse")
    infinite = np.where(X < 0.2, -np.inf, X)
    model.fit(infinite, X[:, :1], epochs=2, verbose=0)


def hole_in_a_sequence() -> None:
    x = np.repeat(X[:, None], 3, axis=1)
    x[2, 1] = np.nan
    model = keras.Sequential([keras.Input((3, 4)), keras.layers.SimpleRNN(2, name="layer")], name="model")
    model.compile("sgd", "mse")
    model.fit(x, X[:, :2], epochs=2, verbose=0)


def zero_times_infinity(compiled: bool) -> None:
    layer = dense("layer", 4)

    def loss() -> Any:
        scores = layer(X) + (1.0 - tf.constant(MASK)) * -np.inf
        return tf.reduce_mean(tf.nn.softmax(scores) * X)

    steps([layer], loss, 3, compiled=compiled)


def masked_eagerly() -> None:
    zero_times_infinity(compiled=False)


def masked_and_compiled() -> None:
    zero_times_infinity(compiled=True)


def masked_well() -> None:
    layer = dense("layer", 4)
    mask = tf.where(MASK > 0, 0.0, -np.inf)
    steps([layer], lambda: tf.reduce_mean(tf.nn.softmax(layer(X) + mask) * X), 3)
    steps([layer], lambda: tf.reduce_mean(tf.nn.softmax(layer(X) + mask) * X), 3, compiled=True)


@pytest.mark.parametrize(
    ("program", "code", "words"),
    [
        (hole_in_the_data, "layer(tf.constant(x))", "before anything is computed"),
        (hole_in_what_is_fitted, FIT, "in the data that is trained on"),
        (infinity_in_what_is_fitted, FIT.replace("x,", "infinite,"), "in the data that is trained on"),
        (hole_in_a_sequence, FIT.replace(":1", ":2"), "in the data that is trained on"),
        (masked_eagerly, "(1.0 - tf.constant(MASK)) * -np.inf", "gives NaN"),
        (masked_and_compiled, "(1.0 - tf.constant(MASK)) * -np.inf", "gives NaN"),
    ],
)
def test_where_it_began(program: Callable[[], None], code: str, words: str) -> None:
    (finding,) = findings_of(program)
    assert finding.cause == "nonfinite-gradient"
    assert finding.culprit is not None
    assert finding.culprit.code == code
    assert words in finding.title


def inside(loss: Callable[[Any, Any], Any]) -> None:
    weight, use = tf.Variable(tf.zeros((3,)), name="weight"), tf.constant(True)

    @tf.function
    def step(use: Any) -> None:
        with tf.GradientTape() as tape:
            value = tf.reduce_sum((weight - 1.0) ** 2) + loss(weight, use)
        weight.assign_sub(0.1 * tape.gradient(value, weight))

    for _ in range(3):
        step(use)


def root(v: Any) -> Any:
    return tf.sqrt(tf.reduce_sum(v**2))


def root_and_quotient(v: Any) -> Any:
    return tf.sqrt(tf.reduce_sum(v**2)) + 1.0 / tf.reduce_sum(v)


rooted, rooted_and_divided = tf.function(root), tf.function(root_and_quotient)


def in_a_function() -> None:
    inside(lambda weight, use: rooted(weight))


def in_a_branch() -> None:
    inside(lambda weight, use: tf.cond(use, lambda: tf.norm(weight), lambda: 0.0))


@pytest.mark.parametrize(
    ("program", "code"), [(in_a_function, "tf.sqrt(tf.reduce_sum(v**2))"), (in_a_branch, "tf.norm(weight)")]
)
def test_a_pole_in_a_body_is_measured(program: Callable[[], None], code: str) -> None:
    (finding,) = findings_of(program)
    assert finding.cause == "nonfinite-gradient"
    assert finding.culprit is not None
    assert finding.culprit.code == code
    assert finding.proof.kind == "structural"


def test_of_several_poles_in_a_body_the_one_that_does_it_is_told() -> None:
    (finding,) = findings_of(lambda: inside(lambda weight, use: rooted_and_divided(weight)))
    assert finding.culprit is not None
    assert (finding.culprit.code, finding.proof.kind) == ("1.0 / tf.reduce_sum(v)", "structural")


def beside(function: Callable[[Any], Any]) -> None:
    weight = tf.Variable(tf.zeros((3,)), name="weight")
    for _ in range(3):
        with tf.GradientTape() as tape:
            value = tf.reduce_sum((weight - 1.0) ** 2) + function(weight)
        weight.assign_sub(0.1 * tape.gradient(value, weight))


# A function that an earlier recorder saw compiled is not compiled again: each test has its own.
def test_the_only_pole_in_a_function_that_is_not_measured() -> None:
    (finding,) = findings_of(lambda: beside(tf.function(root)))
    assert finding.culprit is not None
    assert (finding.culprit.code, finding.proof.kind) == ("tf.sqrt(tf.reduce_sum(v**2))", "inferred")


def test_of_several_poles_in_a_function_none_is_chosen() -> None:
    assert [f for f in findings_of(lambda: beside(tf.function(root_and_quotient))) if f.proof.kind == "inferred"] == []
