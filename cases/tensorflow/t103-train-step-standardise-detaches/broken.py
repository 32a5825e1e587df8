import numpy as np
import tensorflow as tf
import keras
from keras import layers

keras.utils.set_random_seed(1003)


def standardise(embeddings, epsilon=1e-4):
    """Zero mean, unit variance per dimension; the statistics are constants."""
    mean, variance = tf.nn.moments(embeddings, axes=[0])
    scaled = (embeddings - mean) * tf.math.rsqrt(variance + epsilon)
    return tf.stop_gradient(scaled)


class CrossCorrelation(keras.Model):
    def __init__(self, dim=6):
        super().__init__()
        self.view_encoder = keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(dim)], name="view_encoder")
        self.projection = layers.Dense(dim, name="projection")
        self.tracker = keras.metrics.Mean(name="loss")

    def call(self, x):
        return self.projection(self.view_encoder(x))

    def train_step(self, x):
        noisy_a = x + tf.random.normal(tf.shape(x), stddev=0.1)
        noisy_b = x + tf.random.normal(tf.shape(x), stddev=0.1)
        with tf.GradientTape() as tape:
            a, b = standardise(self(noisy_a, training=True)), standardise(self(noisy_b, training=True))
            correlation = tf.matmul(a, b, transpose_a=True) / tf.cast(tf.shape(x)[0], tf.float32)
            loss = tf.reduce_sum(tf.square(correlation - tf.eye(tf.shape(correlation)[0])))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}


x = np.random.default_rng(5).normal(size=(96, 7)).astype("float32")
model = CrossCorrelation()
model.compile(optimizer=keras.optimizers.Adam(1e-3))
history = model.fit(x, batch_size=32, epochs=2, verbose=0)
print("losses", history.history["loss"])
