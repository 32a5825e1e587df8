import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(1069)
NOTES, LENGTH = 24, 10


class MaskedMean(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x, mask=None):
        if mask is None:
            return ops.mean(x, axis=1)
        weight = ops.cast(mask, x.dtype)[..., None]
        return ops.sum(x * weight, axis=1) / ops.maximum(ops.sum(weight, axis=1), 1.0)

    def compute_mask(self, x, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])


def melodies(n):
    rng = np.random.default_rng(69)
    notes = rng.integers(1, NOTES, size=(n, LENGTH))
    lengths = rng.integers(3, LENGTH + 1, size=n)
    notes[np.arange(LENGTH)[None, :] >= lengths[:, None]] = 0
    following = notes[np.arange(n), lengths - 1] % 7
    return notes, following


inputs = keras.Input((LENGTH,), dtype="int32")
x = layers.Embedding(NOTES, 12, mask_zero=True, name="note_embedding")(inputs)
x = layers.LSTM(10, return_sequences=True, name="melody_lower")(x)
x = layers.Bidirectional(layers.LSTM(8, return_sequences=True), name="melody_upper")(x)
x = MaskedMean(name="mean")(x)
x = layers.Dropout(0.1)(x)
model = keras.Model(inputs, layers.Dense(7, activation="softmax", name="next_note")(x))

notes, following = melodies(96)
model.compile(optimizer=keras.optimizers.RMSprop(3e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(notes, following, validation_split=0.25, batch_size=24, epochs=2, verbose=0)
print({key: [round(v, 3) for v in values] for key, values in history.history.items()})
print("most likely", model.predict(notes[:4], verbose=0).argmax(axis=1))
