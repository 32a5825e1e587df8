import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(1054)


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to the peak, then constant."""

    def __init__(self, peak, warmup):
        self.peak, self.warmup = peak, warmup

    def __call__(self, step):
        share = ops.floor_divide(step, self.warmup)
        return self.peak * ops.minimum(ops.cast(share, "float32"), 1.0)

    def get_config(self):
        return {"peak": self.peak, "warmup": self.warmup}


def plain_net():
    inputs = keras.Input((5,))
    x = layers.Dense(16, activation="relu", name="plain_hidden")(inputs)
    return keras.Model(inputs, layers.Dense(1, name="plain_out")(x), name="plain")


class Movement(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.start = self.model.get_weights()

    def on_epoch_end(self, epoch, logs=None):
        moved = max(float(np.abs(a - b).max()) for a, b in zip(self.model.get_weights(), self.start))
        print(f"epoch {epoch}: loss {logs['loss']:.4f}, weights moved by {moved:.2e}")


rng = np.random.default_rng(54)
x = rng.normal(size=(100, 5)).astype("float32")
y = x[:, :1] - 2.0 * x[:, 1:2]
net = plain_net()
net.compile(optimizer=keras.optimizers.Adam(WarmUp(5e-3, warmup=100)), loss="mse")
net.fit(x, y, batch_size=20, epochs=4, verbose=0, callbacks=[Movement()])
print("mse", net.evaluate(x, y, verbose=0))
