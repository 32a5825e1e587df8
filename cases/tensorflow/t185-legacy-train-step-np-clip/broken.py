import numpy as np
import tensorflow as tf
from tf_keras import Input, Model, Sequential, layers, optimizers, utils

utils.set_random_seed(1085)


def translator(name, n_in, n_out):
    return Sequential([
        Input((n_in,)),
        layers.Dense(16, activation="relu", name=f"{name}_hidden"),
        layers.Dense(n_out, name=f"{name}_out"),
    ], name=name)


class CycleModel(Model):
    """x -> there(x) -> back(there(x)) should be x again."""

    def __init__(self):
        super().__init__()
        self.there, self.back = translator("there", 5, 3), translator("back", 3, 5)

    def call(self, x):
        return self.back(self.there(x))

    def train_step(self, x):
        with tf.GradientTape() as tape:
            middle = np.clip(self.there(x, training=True), -3.0, 3.0)
            again = self.back(middle, training=True)
            loss = tf.reduce_mean(tf.abs(again - x))
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(gradients, variables))
        return {"cycle": loss}


x = np.random.default_rng(85).normal(size=(64, 5)).astype("float32")
x[:, 3:] = x[:, :2]
model = CycleModel()
model.compile(optimizer=optimizers.Adam(5e-3), run_eagerly=True)
before = model.there.get_weights()
history = model.fit(x, batch_size=16, epochs=2, verbose=0)
print("cycle", history.history["cycle"])
moved = [float(np.abs(a - b).max()) for a, b in zip(model.there.get_weights(), before)]
print("there moved", moved)
