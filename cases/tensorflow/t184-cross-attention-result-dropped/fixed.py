import numpy as np
import keras
from keras import layers

keras.utils.set_random_seed(1084)
VOCAB, DIM, LENGTH = 30, 16, 7


class DecoderBlock(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.self_attention = layers.MultiHeadAttention(2, DIM // 2, name="self_attention")
        self.cross_attention = layers.MultiHeadAttention(2, DIM // 2, name="cross_attention")
        self.norm_a = layers.LayerNormalization(name="norm_a")
        self.norm_b = layers.LayerNormalization(name="norm_b")
        self.feed = layers.Dense(DIM, activation="gelu", name="feed")

    def call(self, x, memory):
        x = self.norm_a(x + self.self_attention(x, x, use_causal_mask=True))
        x = x + self.cross_attention(x, memory)
        return self.norm_b(x + self.feed(x))


def translator():
    source = keras.Input((LENGTH,), dtype="int32", name="source")
    target = keras.Input((LENGTH,), dtype="int32", name="target")
    memory = layers.Embedding(VOCAB, DIM, name="source_embedding")(source)
    x = layers.Embedding(VOCAB, DIM, name="target_embedding")(target)
    x = DecoderBlock(name="decoder")(x, memory)
    return keras.Model([source, target], layers.Dense(VOCAB, name="next_token")(x), name="translator")


rng = np.random.default_rng(84)
source = rng.integers(1, VOCAB, size=(64, LENGTH)).astype("int32")
wanted = source[:, ::-1].copy()
shifted = np.concatenate([np.zeros((64, 1), dtype="int32"), wanted[:, :-1]], axis=1)

model = translator()
model.compile(
    optimizer=keras.optimizers.Adam(3e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit([source, shifted], wanted, batch_size=16, epochs=2, verbose=0)
print("loss", history.history["loss"])
