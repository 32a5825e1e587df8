"""Two experts with weight decay; each batch goes to one of them, so in every other step the other is only decayed."""

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(2)
rng = np.random.default_rng(2)
x = rng.normal(size=(128, 4)).astype("float32")
y = np.sin(x.sum(axis=1, keepdims=True)).astype("float32")


class Expert(keras.layers.Layer):
    def __init__(self, name):
        super().__init__(name=name)
        self.inner = keras.layers.Dense(8, activation="relu", kernel_regularizer="l2", name=f"{name}_inner")
        self.outer = keras.layers.Dense(1, kernel_regularizer="l2", bias_regularizer="l2", name=f"{name}_outer")

    def call(self, inputs):
        return self.outer(self.inner(inputs))


class Routed(keras.Model):
    def __init__(self):
        super().__init__(name="routed")
        self.experts = [Expert("left"), Expert("right")]
        self.scale = self.add_weight(shape=(), initializer="ones", regularizer="l2", name="scale")

    def call(self, inputs, route=0):
        return self.scale * self.experts[route](inputs)


model = Routed()
for route in (0, 1):
    model(x[:1], route=route)
optimizer = keras.optimizers.Adam(0.01)
optimizer.build(model.trainable_variables)

for step in range(6):
    route = step % 2
    rows = slice(step * 16, step * 16 + 16)
    with tf.GradientTape() as tape:
        guess = model(x[rows], route=route)
        loss = tf.reduce_mean(tf.square(guess - y[rows])) + sum(model.losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    pairs = [(g, v) for g, v in zip(gradients, model.trainable_variables) if g is not None]
    optimizer.apply_gradients(pairs)
print(f"loss after 6 steps: {float(loss):.3f}")
