import numpy as np
import tensorflow as tf
import keras
from keras import layers

keras.utils.set_random_seed(1082)


@tf.custom_gradient
def round_through(x):
    return tf.round(x), lambda upstream: upstream


class FakeQuantDense(layers.Layer):
    """Weights on an 8-level grid; the gradient goes to the float copy."""

    def __init__(self, units, levels=8, **kwargs):
        super().__init__(**kwargs)
        self.units, self.levels = units, levels

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")

    def call(self, x):
        kernel = tf.convert_to_tensor(self.kernel)
        step = tf.stop_gradient(tf.reduce_max(tf.abs(kernel)) * 2.0 / self.levels)
        return tf.nn.relu(tf.matmul(x, round_through(kernel / step) * step))


class SpectralDense(layers.Layer):
    """Divides the kernel by its largest singular value, estimated by power iteration."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.u = self.add_weight(shape=(1, self.units), initializer="random_normal", trainable=False, name="u")

    def call(self, x, training=False):
        kernel, u = tf.convert_to_tensor(self.kernel), tf.convert_to_tensor(self.u)
        v = tf.stop_gradient(tf.math.l2_normalize(tf.matmul(u, kernel, transpose_b=True)))
        u = tf.stop_gradient(tf.math.l2_normalize(tf.matmul(v, kernel)))
        if training:
            self.u.assign(u)
        sigma = tf.matmul(tf.matmul(v, kernel), u, transpose_b=True)
        return tf.matmul(x, kernel / sigma) + self.bias


rng = np.random.default_rng(82)
x = rng.normal(size=(96, 6)).astype("float32")
y = np.sign(x[:, :1] * x[:, 1:2]).astype("float32")
model = keras.Sequential([
    keras.Input((6,)),
    FakeQuantDense(16, name="fake_quant"),
    SpectralDense(8, name="spectral"),
    layers.Activation("tanh"),
    layers.Dense(1, name="top"),
])
model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="hinge", metrics=["mae"], steps_per_execution=3)
print(model.fit(x, y, batch_size=16, epochs=3, verbose=0).history["loss"])
