"""What TensorFlow and Keras say of an error names no file of ours."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from hearing import Ear
from tensorflow_training import X, Y, mlp
from whygrad.recorders.frames import OURS

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras


def _updates(model: Any) -> Any:
    optimizer = keras.optimizers.SGD()

    @tf.function
    def step() -> None:
        optimizer.apply_gradients((None, variable) for variable in model.trainable_variables)

    return step


def _asks(_model: Any) -> Any:
    @tf.custom_gradient
    def refuses(x: Any) -> Any:
        def backward(_: Any) -> Any:
            raise KeyError("no way back")

        return x * 2.0, backward

    @tf.function
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(refuses(x))
        return tape.gradient(loss, x)

    return lambda: step(tf.ones(2))


def _fits(model: Any) -> Any:
    def refuses(_y: Any, out: Any) -> Any:
        return tf.matmul(out, tf.ones((7, 7)))

    model.compile("sgd", refuses)
    return lambda: model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("filtered", [True, False], ids=["short", "whole"])
@pytest.mark.parametrize("raising", [_updates, _asks, _fits])
def test_the_text_of_an_error_names_no_file_of_ours(raising: Callable[[Any], Any], filtered: bool, ear: Ear) -> None:
    step = raising(mlp())
    try:
        if not filtered:
            tf.debugging.disable_traceback_filtering()
        with pytest.raises(Exception, match=r"in user code|no way back|Dimensions must be equal") as caught:
            step()
    finally:
        tf.debugging.enable_traceback_filtering()
    assert OURS not in str(caught.value)


def test_a_traceback_without_a_line_of_the_script_ends_where_it_ends_without_us(ear: Ear) -> None:
    """Keras keeps the innermost frame then, and ours is further out."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Embedding(2, 3)])
    with pytest.raises(Exception, match="is not in") as caught:
        model(X * 0 + 7)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert not last.filename.startswith(OURS)
