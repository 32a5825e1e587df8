import numpy as np
import tensorflow as tf

tf.random.set_seed(1011)


class InvertibleMixing(tf.Module):
    """y = x W with log|det W| for the change of variables."""

    def __init__(self, size):
        super().__init__(name="invertible_mixing")
        start = np.linalg.qr(np.random.default_rng(0).normal(size=(size, size)))[0]
        self.mixing = tf.Variable(start, dtype=tf.float32, name="mixing")

    def forward(self, x):
        _, log_det = tf.linalg.slogdet(self.mixing)
        return tf.matmul(x, self.mixing), log_det


class AffineScale(tf.Module):
    def __init__(self, size):
        super().__init__(name="affine_scale")
        self.log_scale = tf.Variable(tf.zeros((size,)), name="log_scale")
        self.shift = tf.Variable(tf.zeros((size,)), name="shift")

    def forward(self, x):
        return x * tf.exp(self.log_scale) + self.shift, tf.reduce_sum(self.log_scale)


class Flow(tf.Module):
    def __init__(self, size):
        super().__init__(name="flow")
        self.stages = [AffineScale(size), InvertibleMixing(size)]

    def negative_log_likelihood(self, x):
        total = 0.0
        for stage in self.stages:
            x, log_det = stage.forward(x)
            total += log_det
        prior = -0.5 * tf.reduce_sum(tf.square(x) + np.log(2 * np.pi), axis=1)
        return -tf.reduce_mean(prior + total)


flow = Flow(3)
optimizer = tf.keras.optimizers.Adam(1e-2)
data = tf.random.normal((64, 3)) * tf.constant([0.5, 2.0, 1.0]) + 1.0
for step in range(3):
    with tf.GradientTape() as tape:
        nll = flow.negative_log_likelihood(data)
    grads = tape.gradient(nll, flow.trainable_variables)
    optimizer.apply_gradients(zip(grads, flow.trainable_variables))
    print(step, float(nll))
