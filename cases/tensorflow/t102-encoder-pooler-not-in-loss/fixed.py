import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

keras.utils.set_random_seed(1002)
VOCAB, LENGTH, DIM, TAGS = 50, 8, 16, 5


class MiniEncoder(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.token_embedding = layers.Embedding(VOCAB, DIM, name="token_embedding")
        self.self_attention = layers.MultiHeadAttention(2, DIM // 2, name="self_attention")
        self.norm = layers.LayerNormalization(name="norm")
        self.pooler = layers.Dense(DIM, activation="tanh", name="pooler")

    def call(self, ids):
        x = self.token_embedding(ids)
        sequence = self.norm(x + self.self_attention(x, x))
        pooled = self.pooler(sequence[:, 0])
        return sequence, pooled


class Tagger(keras.Model):
    def __init__(self):
        super().__init__(name="tagger")
        self.encoder = MiniEncoder(name="encoder")
        self.tag_head = layers.Dense(TAGS, name="tag_head")

    def call(self, ids):
        sequence, pooled = self.encoder(ids)
        return self.tag_head(sequence + pooled[:, None, :])


def batches(n):
    rng = np.random.default_rng(3)
    for _ in range(n):
        ids = rng.integers(0, VOCAB, size=(16, LENGTH))
        yield tf.constant(ids), tf.constant(ids % TAGS)


tagger = Tagger()
optimizer = keras.optimizers.AdamW(3e-3, weight_decay=1e-4)
token_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
for step, (ids, tags) in enumerate(batches(4)):
    with tf.GradientTape() as tape:
        loss = token_loss(tags, tagger(ids))
    grads = tape.gradient(loss, tagger.trainable_variables)
    optimizer.apply_gradients(zip(grads, tagger.trainable_variables))
    print(step, float(loss))
