import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(21)


def mlp(width, name):
    return tf.keras.Sequential([tf.keras.Input((6,)), layers.Dense(width, activation="relu"), layers.Dense(3)], name=name)


teacher, student = mlp(32, "teacher"), mlp(8, "student")
opt = tf.keras.optimizers.Adam(1e-3)
kl = tf.keras.losses.KLDivergence()


def distill_step(x, y, t=3.0):
    soft = tf.nn.softmax(teacher(x) / t)
    with tf.GradientTape() as tape:
        logits = student(x)
        hard_loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        loss = 0.3 * hard_loss + 0.7 * t * t * kl(soft, tf.nn.softmax(logits / t))
    grads = tape.gradient(loss, student.trainable_variables)
    opt.apply_gradients(zip(grads, student.trainable_variables))
    return float(loss)


rng = np.random.default_rng(0)
x = tf.constant(rng.normal(size=(48, 6)), tf.float32)
y = tf.constant(rng.integers(0, 3, size=48))
for i in range(3):
    print(distill_step(x, y))
