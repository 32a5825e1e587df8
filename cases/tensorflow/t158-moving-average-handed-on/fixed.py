import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(1058)


class ContextMean(layers.Layer):
    """Adds the mean over the batch as a context; at inference the moving average."""

    def __init__(self, momentum=0.9, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def build(self, input_shape):
        self.average = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False, name="average")

    def call(self, x, training=False):
        if training:
            batch_mean = ops.mean(x, axis=0)
            mixed = self.momentum * self.average + (1.0 - self.momentum) * batch_mean
            self.average.assign(mixed)
            return ops.broadcast_to(mixed, ops.shape(x)) + x
        return ops.broadcast_to(self.average, ops.shape(x)) + x

    def compute_output_shape(self, input_shape):
        return input_shape


class ToneClassifier(keras.Model):
    def __init__(self):
        super().__init__(name="sound_net")
        self.spectrum = layers.Dense(12, activation="relu", name="spectrum")
        self.context = ContextMean(name="context")
        self.tone = layers.Dense(3, activation="softmax", name="tone")

    def call(self, x, training=False):
        return self.tone(self.context(self.spectrum(x), training=training))


rng = np.random.default_rng(58)
sound = rng.normal(size=(96, 14)).astype("float32")
tone = rng.integers(0, 3, size=96)
model = ToneClassifier()
model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(sound, tone, batch_size=32, epochs=3, verbose=0)
print({key: [round(v, 4) for v in values] for key, values in history.history.items()})
print("average", model.context.average.numpy().round(3))
