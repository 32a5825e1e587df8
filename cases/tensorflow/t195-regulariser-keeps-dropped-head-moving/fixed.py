"""House prices: a trunk and a linear read-out, both with weight decay through kernel regularisers."""

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)
rooms = rng.normal(size=(96, 5)).astype("float32")
price = (rooms @ rng.normal(size=(5, 1))).astype("float32")

decay = keras.regularizers.L2(1e-3)


class PriceModel(keras.Model):
    def __init__(self):
        super().__init__(name="price_model")
        self.trunk = keras.layers.Dense(1, activation="tanh", use_bias=False, kernel_regularizer=decay, name="trunk")
        self.readout = keras.layers.Dense(1, use_bias=False, kernel_regularizer=decay, name="readout")

    def call(self, x):
        features = self.trunk(x)
        estimate = self.readout(features)
        return features, estimate


model = PriceModel()
optimizer = keras.optimizers.SGD(0.05)


def train_step(x, y):
    with tf.GradientTape() as tape:
        features, estimate = model(x, training=True)
        error = tf.reduce_mean(tf.square(y - estimate))
        loss = error + tf.add_n(model.losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return error


for epoch in range(6):
    error = train_step(rooms, price)
print(f"squared error after 6 epochs: {float(error):.3f}")
