import numpy as np
import tensorflow as tf
from tf_keras import Input, Sequential, layers, optimizers, utils

utils.set_random_seed(1014)


def mlp(name, last):
    return Sequential([
        Input((2,)),
        layers.Dense(12, activation="tanh", name=f"{name}_hidden"),
        layers.Dense(1, activation=last, name=f"{name}_out"),
    ])


class Heteroscedastic:
    """Predicts a mean and a standard deviation for each sample."""

    def __init__(self):
        self.mean_net = mlp("mean", None)
        self.spread_net = mlp("spread", "softplus")
        self.optimizer = optimizers.Adam(1e-2)

    @property
    def variables(self):
        return self.mean_net.trainable_variables + self.spread_net.trainable_variables

    def negative_log_likelihood(self, x, y):
        mean, std = self.mean_net(x), self.spread_net(x) + 1e-3
        return tf.reduce_mean(tf.math.log(std) + 0.5 * tf.square((y - mean) / std))

    def train_on(self, x, y):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.variables)
            loss = self.negative_log_likelihood(x, y)
        grads = tape.gradient(loss, self.variables)
        self.optimizer.apply_gradients(
            (g, v) for g, v in zip(grads, self.variables) if g is not None
        )
        return float(loss)


rng = np.random.default_rng(8)
x = rng.uniform(-1, 1, size=(128, 2)).astype("float32")
y = (x[:, :1] ** 2 + np.abs(x[:, 1:]) * 0.3 * rng.normal(size=(128, 1))).astype("float32")
model = Heteroscedastic()
for epoch in range(3):
    values = [model.train_on(tf.constant(x[i:i + 32]), tf.constant(y[i:i + 32])) for i in range(0, 128, 32)]
    print("epoch", epoch, "nll", np.mean(values))
