import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1021)


class ScaledResidual(layers.Layer):
    """x + scale * Dense(x), the scale joins the training later."""

    def build(self, input_shape):
        width = input_shape[-1]
        self.mix = layers.Dense(width, activation="gelu", name="mix")
        self.mix.build(input_shape)
        self.scale = self.add_weight(shape=(width,), initializer="ones", trainable=False, name="residual_scale")

    def call(self, x):
        return x + self.scale * self.mix(x)


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__(name="net")
        self.residual = ScaledResidual(name="residual")
        self.estimate = layers.Dense(1, name="estimate")

    def call(self, x):
        return self.estimate(self.residual(x))


def train(model, optimizer, x, y, epochs):
    for epoch in range(epochs):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return float(loss)


rng = np.random.default_rng(21)
x = tf.constant(rng.normal(size=(64, 6)), tf.float32)
y = tf.reduce_sum(tf.square(x[:, :2]), axis=1, keepdims=True)
net = Net()
net(x)
print("warm-up", train(net, tf.keras.optimizers.Adam(1e-2), x, y, 2))
net.residual.scale.trainable = True
print("all", train(net, tf.keras.optimizers.Adam(1e-2), x, y, 3))
print("scale", net.residual.scale.numpy())
