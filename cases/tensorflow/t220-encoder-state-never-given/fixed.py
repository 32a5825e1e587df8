import numpy as np
import keras
from keras import layers

keras.utils.set_random_seed(1)
SRC, TGT, DIM = 30, 25, 16


def build():
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    x = layers.Embedding(SRC, DIM, mask_zero=True, name="source_embedding")(source)
    _, state = layers.GRU(DIM, return_state=True, name="encoder_gru")(x)
    y = layers.Embedding(TGT, DIM, mask_zero=True, name="target_embedding")(target)
    y = layers.GRU(DIM, return_sequences=True, name="decoder_gru")(y, initial_state=state)
    logits = layers.Dense(TGT, name="vocab_out")(y)
    return keras.Model([source, target], [logits, state])


class Translator(keras.Model):
    def __init__(self):
        super().__init__()
        self.core = build()

    def call(self, inputs):
        logits, state = self.core(inputs)
        return logits


rng = np.random.default_rng(0)
src = rng.integers(1, SRC, size=(48, 7))
tgt = rng.integers(1, TGT, size=(48, 6))
model = Translator()
model.compile(optimizer="adam", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
h = model.fit([src, tgt[:, :-1]], tgt[:, 1:], epochs=2, batch_size=16, verbose=0)
print(h.history["loss"])
