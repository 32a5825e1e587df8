"""The loss skips the last layer, in a training step of one's own that `fit` compiles."""

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

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            predictions = self(x, training=True)
            loss = tf.reduce_mean(tf.square(self.hidden(x) - y))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": loss}


model = Regressor()
model.compile(optimizer=keras.optimizers.Adam(0.01))
history = model.fit(x_train, y_train, batch_size=16, epochs=3, verbose=0)

print(f"loss in the last epoch: {history.history['loss'][-1]:.3f}")
