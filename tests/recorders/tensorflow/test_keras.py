"""Keras' ways to train, with Keras 3 and tf_keras, each healthy and cut: all answers agree.

A program is given ``through``, which it puts between its lower part (named ``below``) and the loss. In the healthy
program it is the identity; in the cut one it is ``cut``, whose one line is the culprit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tensorflow")

import tensorflow as tf
import tf_keras

from hearing import Ear
from tensorflow_through import Through, X, Y, check, cut, same, two_replicas

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]
keras = tf.keras


def small(k: Any, through: Through, heads: int = 1) -> Any:
    inputs = k.Input((4,))
    hidden = k.layers.Dense(3, "tanh", name="below")(inputs)
    hidden = k.layers.Lambda(through, output_shape=(3,))(hidden)
    return k.Model(inputs, [k.layers.Dense(1, name=f"above_{i}", dtype="float32")(hidden) for i in range(heads)])


def fit(k: Any, model: Any, optimizer: Any = "sgd", **how: Any) -> None:
    model.compile(optimizer, "mse", **how)
    model.fit(X, Y, batch_size=4, epochs=1, verbose=0)


def fitted(k: Any, through: Through) -> None:
    fit(k, small(k, through))


def fitted_with_jit(k: Any, through: Through) -> None:
    fit(k, small(k, through), jit_compile=True)


def fitted_eagerly(k: Any, through: Through) -> None:
    fit(k, small(k, through), run_eagerly=True)


def fitted_many_steps_at_once(k: Any, through: Through) -> None:
    fit(k, small(k, through), steps_per_execution=2)


def fitted_clipped(k: Any, through: Through) -> None:
    fit(k, small(k, through), k.optimizers.Adam(0.1, global_clipnorm=1.0))


def fitted_accumulating(k: Any, through: Through) -> None:
    more = {} if k is tf_keras else {"gradient_accumulation_steps": 2}
    fit(k, small(k, through), k.optimizers.SGD(0.1, **more))


def fitted_in_half_precision(k: Any, through: Through) -> None:
    before = k.mixed_precision.global_policy() if k is tf_keras else k.mixed_precision.dtype_policy()
    k.mixed_precision.set_global_policy("mixed_float16")
    try:
        fit(k, small(k, through), "adam")
    finally:
        k.mixed_precision.set_global_policy(before)


def scaled_by_hand(k: Any, through: Through) -> None:
    model, optimizer = small(k, through), k.mixed_precision.LossScaleOptimizer(k.optimizers.SGD(0.1))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(X, training=True)[0] - Y))
        scaled = optimizer.get_scaled_loss(loss) if k is tf_keras else optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled, model.trainable_variables)
    if k is tf_keras:
        gradients = optimizer.get_unscaled_gradients(gradients)
    optimizer.apply_gradients(
        [(g, v) for g, v in zip(gradients, model.trainable_variables, strict=True) if g is not None]
    )


def fitted_on_two_losses(k: Any, through: Through) -> None:
    model = small(k, through, heads=2)
    model.compile("sgd", ["mse", "mae"], loss_weights=[1.0, 0.5])
    model.fit(X, [Y, Y], verbose=0)


def trained_on_batch(k: Any, through: Through) -> None:
    model = small(k, through)
    model.compile("sgd", "mse")
    model.train_on_batch(X, Y)


def fitted_by_own_step(k: Any, through: Through, around: Callable[[Any], Any] = lambda step: step) -> None:
    class Own(k.Model):  # type: ignore[name-defined,misc]
        @around
        def train_step(self, data: Any) -> Any:
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(self(x, training=True)[0] - y))
            variables = self.trainable_variables
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply_gradients([(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None])
            return {"loss": loss}

    inner = small(k, through)
    fit(k, Own(inner.inputs, inner.outputs))


def fitted_by_own_compiled_step(k: Any, through: Through) -> None:
    fitted_by_own_step(k, through, tf.function)


def fitted_on_two_replicas(k: Any, through: Through) -> None:
    with two_replicas().scope():
        fit(k, small(k, through))


KERAS = [
    fitted,
    fitted_with_jit,
    fitted_eagerly,
    fitted_many_steps_at_once,
    fitted_clipped,
    fitted_accumulating,
    fitted_in_half_precision,
    scaled_by_hand,
    fitted_on_two_losses,
    trained_on_batch,
    fitted_by_own_step,
    fitted_by_own_compiled_step,
    fitted_on_two_replicas,
]


@pytest.mark.parametrize("through", [same, cut])
@pytest.mark.parametrize("k", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("program", KERAS)
def test_training_with_keras(program: Callable[[Any, Through], None], k: Any, through: Through, ear: Ear) -> None:
    program(k, through)
    check(ear, through is cut)
