import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1071)

common = Sequential([Input((10, 10, 1)), layers.Conv2D(6, 3, padding="same", activation="relu")], name="common")
depth_task = Sequential([Input((10, 10, 6)), layers.Conv2D(1, 1)], name="depth_task")
normal_task = Sequential([Input((10, 10, 6)), layers.Conv2D(2, 1, activation="tanh")], name="normal_task")
optimizers = {name: tf.keras.optimizers.Adam(1e-3) for name in ("common", "depth", "normal")}
balance = tf.Variable([1.0, 1.0], trainable=False, name="balance")


def surface(n, seed):
    rng = np.random.default_rng(seed)
    depth = rng.uniform(size=(n, 10, 10, 1)).astype("float32").cumsum(axis=1)
    slope = np.concatenate([np.gradient(depth, axis=1), np.gradient(depth, axis=2)], axis=-1)
    image = depth + 0.1 * rng.normal(size=depth.shape).astype("float32")
    return [tf.constant(a, tf.float32) for a in (image, depth, np.tanh(slope))]


def update(image, depth, slope):
    with tf.GradientTape(persistent=True) as tape:
        shared = common(image, training=True)
        depth_loss = tf.reduce_mean(tf.abs(depth_task(shared) - depth))
        normal_loss = tf.reduce_mean(tf.square(normal_task(shared) - slope))
        weighted = balance[0] * depth_loss + balance[1] * normal_loss
    parts = {
        "common": (weighted, common.trainable_variables),
        "depth": (depth_loss, depth_task.trainable_variables),
        "normal": (normal_loss, normal_task.trainable_variables),
    }
    norms = {}
    for name, (loss, variables) in parts.items():
        grads = tape.gradient(loss, variables)
        norms[name] = float(tf.linalg.global_norm(grads))
        optimizers[name].apply_gradients(zip(grads, variables))
    per_task = [tape.gradient(loss, common.trainable_variables) for loss in (depth_loss, normal_loss)]
    sizes = tf.stack([tf.linalg.global_norm(grads) for grads in per_task])
    balance.assign(2.0 * tf.nn.softmax(-sizes))
    del tape
    return norms


for step in range(3):
    print(step, update(*surface(8, step)), balance.numpy())
