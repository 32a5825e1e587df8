"""A convolutional net with dropout and normalisation, in a loop of its own, and once more compiled."""

import keras
import tensorflow as tf
from witness import testify

keras.utils.set_random_seed(0)
layers = keras.layers
blocks = [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.GlobalAveragePooling2D()]
model = keras.Sequential([keras.Input((8, 8, 3)), *blocks, layers.Dropout(0.2), layers.Dense(1)])
optimizer = keras.optimizers.Adam(1e-2)
x, y = tf.random.normal((16, 8, 8, 3)), tf.random.normal((16, 1))


def step():
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    return loss


for run in (step, tf.function(step)):
    for _ in range(12):
        print(repr(float(run())))
testify(model.variables)
