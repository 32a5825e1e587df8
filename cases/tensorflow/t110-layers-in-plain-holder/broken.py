import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(1010)


class FeedForward:
    """Two projections with a skip connection."""

    def __init__(self, width):
        self.up = layers.Dense(2 * width, activation="gelu", name="up_proj")
        self.down = layers.Dense(width, name="down_proj")

    def __call__(self, x):
        return x + self.down(self.up(x))


class Regressor(keras.Model):
    def __init__(self, width=12):
        super().__init__()
        self.stem = layers.Dense(width, activation="tanh", name="stem")
        self.ffn = FeedForward(width)
        self.estimate = layers.Dense(1, name="estimate")

    def call(self, x):
        return self.estimate(self.ffn(self.stem(x)))


def dataset():
    rng = np.random.default_rng(12)
    x = rng.uniform(-2, 2, size=(160, 3)).astype("float32")
    y = np.sin(x[:, :1]) * x[:, 1:2]
    return x, y


x, y = dataset()
model = Regressor()
model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse", metrics=["mae"])
history = model.fit(x, y, validation_split=0.2, epochs=3, batch_size=32, verbose=0)
print("val_mae", [round(v, 4) for v in history.history["val_mae"]])
print("parameters", model.count_params(), "mean output", float(ops.mean(model(x))))
