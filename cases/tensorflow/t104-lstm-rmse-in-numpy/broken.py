import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1004)


def make_series(n, length=12):
    rng = np.random.default_rng(9)
    t = np.arange(length + 1)[None, :] * rng.uniform(0.3, 0.6, size=(n, 1))
    series = np.sin(t).astype("float32")
    return series[:, :-1, None], series[:, -1:]


def rmse(actual, forecast):
    return np.sqrt(np.mean((actual - forecast) ** 2))


class Forecaster(tf.keras.Model):
    def __init__(self):
        super().__init__(name="forecaster")
        self.lstm = layers.LSTM(10, name="demand_lstm")
        self.out = layers.Dense(1, name="demand_out")

    def call(self, history):
        return self.out(self.lstm(history))


def fit(model, optimizer, dataset, epochs):
    for epoch in range(epochs):
        losses = []
        for history, actual in dataset:
            with tf.GradientTape() as tape:
                forecast = model(history, training=True)
                loss = rmse(actual.numpy(), forecast.numpy())
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            losses.append(float(loss))
        print("epoch", epoch, "rmse", np.mean(losses))


history, target = make_series(48)
data = tf.data.Dataset.from_tensor_slices((history, target)).batch(16)
model = Forecaster()
fit(model, tf.keras.optimizers.RMSprop(1e-3), data, epochs=2)
print("test", rmse(target, model(history).numpy()))
