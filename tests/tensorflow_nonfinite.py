"""Programs whose gradients are not finite, and a harmless look-alike, for tests of the TensorFlow recorder."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tensorflow_useless import X, dense, steps

keras = tf.keras


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


def overflow(compiled: bool) -> None:
    lost = dense("lost", kernel_initializer=keras.initializers.Constant(100.0), use_bias=False)
    steps([lost], lambda: tf.reduce_mean((tf.exp(lost(X)) / tf.reduce_sum(tf.exp(lost(X)))) ** 2), compiled=compiled)


def overflow_forward() -> None:
    overflow(compiled=False)


def overflow_forward_compiled() -> None:
    overflow(compiled=True)


def infinite_beside() -> None:
    """A value that is not finite, beside a loss that is."""
    layer = dense("layer")

    def loss() -> Any:
        tf.reduce_sum(tf.exp(1e4 * layer(X) ** 2 + 1e4))
        return tf.reduce_mean(layer(X) ** 2)

    steps([layer], loss)
