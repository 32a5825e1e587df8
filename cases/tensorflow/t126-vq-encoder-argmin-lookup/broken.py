import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(1026)


class VectorQuantizer(layers.Layer):
    def __init__(self, n_codes, dim, **kwargs):
        super().__init__(**kwargs)
        self.n_codes, self.dim = n_codes, dim

    def build(self, input_shape):
        self.codes = self.add_weight(shape=(self.n_codes, self.dim), initializer="random_uniform", name="codes")

    def nearest(self, x):
        similarity = ops.matmul(x, ops.transpose(self.codes))
        distances = ops.sum(x**2, axis=1, keepdims=True) + ops.sum(self.codes**2, axis=1) - 2.0 * similarity
        return ops.argmin(distances, axis=1)

    def call(self, x):
        picked = ops.one_hot(self.nearest(x), self.n_codes)
        quantised = ops.matmul(picked, self.codes)
        return quantised

    def compute_output_shape(self, input_shape):
        return input_shape


inputs = keras.Input((10,))
x = layers.Dense(20, activation="relu", name="vq_enc_hidden")(inputs)
x = layers.Dense(4, name="vq_enc_latent")(x)
x = VectorQuantizer(12, 4, name="quantizer")(x)
x = layers.Dense(20, activation="relu", name="vq_dec_hidden")(x)
autoencoder = keras.Model(inputs, layers.Dense(10, name="vq_dec_out")(x), name="vq_autoencoder")

rng = np.random.default_rng(26)
centres = rng.normal(size=(5, 10))
samples = (centres[rng.integers(0, 5, size=120)] + 0.1 * rng.normal(size=(120, 10))).astype("float32")
autoencoder.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse")
history = autoencoder.fit(samples, samples, epochs=3, batch_size=30, verbose=0)
print([round(v, 4) for v in history.history["loss"]])
