import numpy as np
import tensorflow as tf
import keras
from keras import layers

keras.utils.set_random_seed(1024)


@tf.custom_gradient
def binarise(weights):
    def backward(upstream):
        return tf.zeros_like(upstream)  # sign() has derivative zero

    return tf.sign(weights), backward


class BinaryDense(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.latent = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="latent")

    def call(self, x):
        return tf.matmul(x, binarise(tf.convert_to_tensor(self.latent)))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


inputs = keras.Input((12,))
x = BinaryDense(16, name="binary_1")(inputs)
x = layers.Activation("relu")(x)
x = BinaryDense(8, name="binary_2")(x)
outputs = layers.Dense(1, activation="sigmoid", name="scale_out")(x)
model = keras.Model(inputs, outputs, name="binary_net")

rng = np.random.default_rng(24)
features = rng.normal(size=(96, 12)).astype("float32")
labels = (features @ rng.normal(size=(12, 1)) > 0).astype("float32")
model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy", metrics=["accuracy"])
before = model.get_layer("binary_1").get_weights()[0].copy()
print(model.fit(features, labels, epochs=2, batch_size=24, verbose=0).history)
print("latent weights moved by", np.abs(model.get_layer("binary_1").get_weights()[0] - before).max())
