import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1009)


def expert(name):
    return tf.keras.Sequential([tf.keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(4)], name=name)


class TemperatureExperts(tf.keras.Model):
    """One small network per temperature range, a shared read-out."""

    def __init__(self):
        super().__init__(name="temperature_experts")
        self.cold, self.warm, self.hot = expert("expert_cold"), expert("expert_warm"), expert("expert_hot")
        self.readout = layers.Dense(1, name="readout")

    def call(self, x):
        level = tf.reduce_mean(tf.abs(x[:, 0]))
        if level < 0.0:
            h = self.cold(x)
        elif level < 0.8:
            h = self.warm(x)
        else:
            h = self.hot(x)
        return self.readout(h)


def stream(n, seed=1):
    rng = np.random.default_rng(seed)
    for i in range(n):
        x = rng.normal(scale=0.5 + i % 2, size=(24, 4)).astype("float32")
        yield tf.constant(x), tf.constant(x[:, :1] * np.abs(x[:, 1:2]))


model = TemperatureExperts()
optimizer = tf.keras.optimizers.Adam(1e-2)
model(tf.zeros((1, 4)))
optimizer.build(model.trainable_variables)
log = []
for x, y in stream(8):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.keras.losses.huber(y, model(x)))
    variables = model.trainable_variables
    grads = tape.gradient(loss, variables)
    optimizer.apply_gradients([(g, v) for g, v in zip(grads, variables) if g is not None])
    log.append(float(loss))
print("losses", np.round(log, 4))
