import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(47)
tower = tf.keras.Sequential([tf.keras.Input((6,)), layers.Dense(8, activation="tanh"), layers.Dense(4)], name="tower")
opt = tf.keras.optimizers.Adam(1e-3)
rng = np.random.default_rng(0)


def pair_loss(left, right, same, margin=1.0):
    ea = tower(left)
    eb = tower(right)
    d2 = tf.reduce_sum(tf.square(ea - eb), axis=1)
    return tf.reduce_mean(same * d2)


for i in range(4):
    a, b = rng.normal(size=(16, 6)).astype("float32"), rng.normal(size=(16, 6)).astype("float32")
    with tf.GradientTape() as tape:
        loss = pair_loss(a, b, np.ones(16, "float32"))
    g = tape.gradient(loss, tower.trainable_variables)
    opt.apply_gradients(zip(g, tower.trainable_variables))
    print(i, float(loss))
