"""An error of ours, wherever it happens, does not reach the script, and is said once."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf

from faults import wrongs
from tensorflow_training import X, Y, mlp
from whygrad.session import Session

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras


@tf.custom_gradient
def doubled(value: Any) -> Any:
    return value * 2.0, lambda gradient: gradient * 2.0


def by_hand(model: Any, optimizer: Any) -> list[Any]:
    """One step in eager code, with what leaves TensorFlow and what is put on a tape by hand."""
    scale = tf.constant(1.5)
    with tf.GradientTape() as tape:
        tape.watch(scale)
        hidden = model.layers[0](X)
        seen = float(tf.reduce_mean(hidden)) + float(hidden.numpy().sum())
        out = doubled(model.layers[1](tf.nn.relu(hidden))) * scale + tf.constant(seen) * tf.py_function(
            lambda t: t * 1.0, [scale], tf.float32
        )
        loss = tf.reduce_mean(tf.square(out - Y)) + tf.sqrt(tf.square(scale))
    variables = model.trainable_variables
    gradients = tape.gradient(loss, [*variables, scale])
    optimizer.apply_gradients(zip(gradients[:-1], variables, strict=True))
    return [loss.numpy().item(), gradients[-1].numpy().item()]


def program() -> list[Any]:
    """A bit of everything that a recorder listens to."""
    keras.utils.set_random_seed(0)
    model, optimizer = mlp(), keras.optimizers.SGD(1e-4, momentum=0.9)
    results = [by_hand(model, optimizer) for _ in range(2)]

    @tf.function
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(doubled(model(x, training=True)) - Y))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    results += [[step(X).numpy().item() for _ in range(2)]]
    model.compile("sgd", "mse")
    results += [[float(model.train_on_batch(X, Y))]]
    return [*results, *(v.numpy().tolist() for v in model.trainable_variables)]


def recorder(run: Session) -> Any:
    from whygrad.recorders.tensorflow import TensorFlow

    return TensorFlow()


def test_an_error_of_ours_changes_nothing_and_is_said() -> None:
    wrong = wrongs(program, recorder)
    assert not wrong, "\n".join(wrong)
