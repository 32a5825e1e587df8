import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1052)


def tower():
    return tf.keras.Sequential([
        tf.keras.Input((8,)),
        layers.Dense(16, activation="relu", name="signature_hidden"),
        layers.Dense(4, use_bias=False, name="signature_out"),
    ])


def distance(a, b):
    squared = tf.reduce_sum(tf.square(a - b), axis=1)
    return tf.sqrt(squared + 1e-12)


def contrastive(gap, same, margin=1.0):
    pull = same * gap
    push = (1.0 - same) * tf.square(tf.maximum(margin - gap, 0.0))
    return tf.reduce_mean(pull + push)


def pairs(rng, n):
    """Half of the pairs are the same signature; some are the very same scan."""
    left = rng.normal(size=(n, 8)).astype("float32")
    right = rng.normal(size=(n, 8)).astype("float32")
    same = np.repeat([1.0, 0.0], n // 2).astype("float32")
    right[: n // 2] = left[: n // 2] + 0.05 * right[: n // 2]
    right[: n // 4] = left[: n // 4]
    return left, right, same


rng = np.random.default_rng(52)
net = tower()
optimizer = tf.keras.optimizers.Adam(1e-3)
for step in range(3):
    left, right, same = pairs(rng, 32)
    with tf.GradientTape() as tape:
        loss = contrastive(distance(net(left), net(right)), same)
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
    print("step", step, "loss", float(loss))
