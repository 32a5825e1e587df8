"""Demand forecast with two heads: how many are sold, and at what price."""

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(5)
rng = np.random.default_rng(12)
inputs = tf.constant(rng.normal(size=(40, 7)), tf.float32)
sold = tf.constant(rng.poisson(3.0, size=(40, 1)), tf.float32)
price = tf.constant(rng.uniform(0.5, 2.0, size=(40, 1)), tf.float32)

trunk = keras.layers.Dense(9, activation="relu", name="trunk")
count_head = keras.layers.Dense(1, name="count_head")
price_head = keras.layers.Dense(1, name="price_head")
optimizer = keras.optimizers.RMSprop(1e-2)

for step in range(8):
    with tf.GradientTape() as tape:
        shared = trunk(inputs)
        loss = tf.reduce_mean(tf.square(count_head(shared) - sold)) + tf.reduce_mean(
            tf.square(price_head(shared) - price)
        )
    learned = trunk.trainable_variables + count_head.trainable_variables
    variables = learned + price_head.trainable_variables
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, learned))
    print(step, float(loss))
