import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(1042)


class SparsityPenalty(layers.Layer):
    """KL divergence between a target activity and the mean activity of each unit."""

    def __init__(self, target=0.1, weight=0.5, **kwargs):
        super().__init__(**kwargs)
        self.target, self.weight = target, weight

    def call(self, activity):
        rho = ops.clip(ops.mean(activity, axis=0), 1e-4, 1.0 - 1e-4)
        kl = self.target * ops.log(self.target / rho) + (1 - self.target) * ops.log((1 - self.target) / (1 - rho))
        self.add_loss(self.weight * ops.sum(kl))
        return activity


def sparse_autoencoder(width, code):
    inputs = keras.Input((width,))
    x = layers.Dense(20, activation="relu", name="squeeze_1")(inputs)
    x = layers.Dense(code, activation="sigmoid", name="squeeze_2")(x)
    x = SparsityPenalty(name="penalty")(x)
    x = layers.Dense(20, activation="relu", name="rebuild_1")(x)
    return keras.Model(inputs, layers.Dense(width, name="rebuild_2")(x), name="sparse_autoencoder")


rng = np.random.default_rng(42)
patches = rng.normal(size=(160, 16)).astype("float32") @ rng.normal(size=(16, 16)).astype("float32") / 4.0
model = sparse_autoencoder(16, 10)
model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse")
history = model.fit(patches, patches, epochs=3, batch_size=40, verbose=0)
print("loss", [round(v, 4) for v in history.history["loss"]])
error = float(np.mean((model.predict(patches, verbose=0) - patches) ** 2))
print("reconstruction error", round(error, 4))
