"""The loss skips the last layer: `pred` runs in every step, and nothing it computes is used."""

import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
x_train = tf.random.normal((64, 3))
y_train = tf.reduce_sum(x_train, axis=1, keepdims=True)


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
        loss = tf.reduce_mean(tf.square(model.hidden(x_train) - y_train))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))

print(f"loss after the last step: {float(loss):.3f}")
