"""The loss is computed by NumPy: its value is right, and TensorFlow knows nothing of where it came from."""

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(0)
x_train = np.random.normal(size=(64, 3)).astype("float32")
y_train = x_train.sum(axis=1, keepdims=True)


class Regressor(keras.Model):
    def __init__(self):
        super().__init__(name="regressor")
        self.hidden = keras.layers.Dense(10, activation="tanh", name="hidden")
        self.pred = keras.layers.Dense(1, name="pred")

    def call(self, inputs):
        return self.pred(self.hidden(inputs))


model = Regressor()
optimizer = keras.optimizers.Adam(0.01)

for step in range(10):
    with tf.GradientTape() as tape:
        predictions = model(x_train)
        loss = tf.constant(np.mean(np.square(predictions - y_train)))
    gradients = tape.gradient(loss, model.trainable_variables)
    # A popular cure: without it the optimizer would raise. With it nothing is said, and nothing is trained.
    pairs = [(g, v) for g, v in zip(gradients, model.trainable_variables) if g is not None]
    if pairs:
        optimizer.apply_gradients(pairs)

print(f"loss after the last step: {float(loss):.3f}")
