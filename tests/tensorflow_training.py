"""A small model and one step of training, for tests of the TensorFlow recorder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

keras = tf.keras
X = np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)
Y = X.sum(1, keepdims=True)


def train(model: Any, x: Any = X, y: Any = Y, around: Callable[..., Any] = lambda t: t) -> None:
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(around(model(x, training=True)) - y))
    tape.gradient(loss, model.trainable_variables)


def mlp() -> Any:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(1)])
