import numpy as np
import tensorflow as tf
import keras
from keras import layers

keras.utils.set_random_seed(1041)


class Seasonality(tf.Module):
    """Sum of sine waves with learned amplitudes and phases."""

    def __init__(self, periods):
        super().__init__(name="seasonality")
        self.periods = tf.constant(periods, tf.float32)
        self.amplitude = tf.Variable(tf.fill((len(periods),), 0.1), name="season_amplitude")
        self.phase = tf.Variable(tf.zeros((len(periods),)), name="season_phase")

    def __call__(self, time):
        angle = 6.2832 * time / self.periods + self.phase
        return tf.reduce_sum(self.amplitude * tf.sin(angle), axis=-1, keepdims=True)


class Decomposition(keras.Model):
    def __init__(self, periods=(7.0, 30.0)):
        super().__init__(name="decomposition")
        self.trend = layers.Dense(1, name="trend")
        self.season = Seasonality(periods)

    def call(self, time):
        return self.trend(time / 100.0) + self.season(time)


days = np.arange(200, dtype="float32")[:, None]
sales = 0.01 * days + 1.5 * np.sin(6.2832 * days / 7.0 + 0.7) + 0.1 * np.random.default_rng(41).normal(size=days.shape)
model = Decomposition()
model.compile(optimizer=keras.optimizers.Adam(5e-2), loss="mse")
history = model.fit(days, sales, epochs=4, batch_size=50, verbose=0)
print([round(v, 3) for v in history.history["loss"]])
print("amplitudes", np.asarray(model.season.amplitude).round(3))
