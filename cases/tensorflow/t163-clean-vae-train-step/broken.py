import numpy as np
import tensorflow as tf
import keras
from keras import layers, ops

keras.utils.set_random_seed(1063)


class Sampling(layers.Layer):
    """Reparameterisation trick; the KL term is added as a loss of the layer."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(4)

    def call(self, inputs):
        z_mean, z_log_var = inputs
        kl = -0.5 * (1.0 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var))
        self.add_loss(0.1 * ops.mean(ops.sum(kl, axis=1)))
        epsilon = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon


class VAE(keras.Model):
    def __init__(self, width, latent):
        super().__init__()
        self.encoder = layers.Dense(24, activation="relu", name="vae_encoder")
        self.z_mean = layers.Dense(latent, name="z_mean")
        self.z_log_var = layers.Dense(latent, name="z_log_var")
        self.sampling = Sampling()
        self.decoder = keras.Sequential([layers.Dense(24, activation="relu"), layers.Dense(width)], name="vae_decoder")
        self.reconstruction = keras.metrics.Mean(name="reconstruction")

    def call(self, x):
        h = self.encoder(x)
        return self.decoder(self.sampling([self.z_mean(h), self.z_log_var(h)]))

    def train_step(self, x):
        with tf.GradientTape() as tape:
            error = tf.reduce_mean(tf.reduce_sum(tf.square(x - self(x, training=True)), axis=1))
            loss = error + sum(self.losses)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply(gradients, self.trainable_weights)
        self.reconstruction.update_state(error)
        return {"reconstruction": self.reconstruction.result(), "objective": loss}


x = np.random.default_rng(3).normal(size=(96, 6)).astype("float32")
x[:, 3:] = x[:, :3] * 0.5
vae = VAE(6, 2)
vae.compile(optimizer=keras.optimizers.Adam(1e-2))
print(vae.fit(x, epochs=2, batch_size=32, verbose=0).history)
