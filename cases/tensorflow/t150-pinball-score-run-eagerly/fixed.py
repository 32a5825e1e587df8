import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(1050)


def mean_pinball_score(y_true, y_pred, *, alpha=0.5):
    """As in a metrics package: arrays in, float out."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    difference = y_true - y_pred
    return float(np.mean(np.maximum(alpha * difference, (alpha - 1.0) * difference)))


class QuantileLoss(keras.losses.Loss):
    def __init__(self, alpha, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, y_true, y_pred):
        difference = ops.cast(y_true, "float32") - y_pred
        return ops.mean(ops.maximum(self.alpha * difference, (self.alpha - 1.0) * difference))


def quantile_model(n_features):
    inputs = keras.Input((n_features,))
    x = layers.BatchNormalization(name="scale")(inputs)
    x = layers.Dense(20, activation="relu", name="quantile_hidden")(x)
    return keras.Model(inputs, layers.Dense(1, name="quantile_out")(x), name="quantile")


rng = np.random.default_rng(50)
load = rng.gamma(2.0, size=(90, 4)).astype("float32")
peak = load.sum(axis=1, keepdims=True) * (1.0 + 0.2 * rng.normal(size=(90, 1)))
model = quantile_model(4)
model.compile(optimizer=keras.optimizers.Adam(1e-2), loss=QuantileLoss(0.9), run_eagerly=True)
model.fit(load, peak, batch_size=30, epochs=2, verbose=0)
covered = np.mean(model.predict(load, verbose=0) >= peak)
print("covered", covered, "score", mean_pinball_score(peak, model.predict(load, verbose=0), alpha=0.9))
