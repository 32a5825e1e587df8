import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

keras.utils.set_random_seed(1070)
VOCAB, LENGTH, DIM = 20, 8, 16


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attend = layers.MultiHeadAttention(2, DIM // 2, dropout=0.1, name="attend")
        self.expand = layers.Dense(4 * DIM, activation="gelu", name="expand")
        self.shrink = layers.Dense(DIM, name="shrink")
        self.before, self.after = layers.LayerNormalization(name="before"), layers.LayerNormalization(name="after")

    def call(self, x, training=False):
        y = self.before(x)
        x = x + self.attend(y, y, use_causal_mask=True, training=training)
        return x + self.shrink(self.expand(self.after(x)))


class LanguageModel(keras.Model):
    def __init__(self, depth=2):
        super().__init__(name="language_model")
        self.tokens = layers.Embedding(VOCAB, DIM, name="token_table")
        self.positions = layers.Embedding(LENGTH, DIM, name="position_table")
        self.blocks = [Block(name=f"block{i}") for i in range(depth)]

    def call(self, ids, training=False):
        x = self.tokens(ids) + self.positions(tf.range(tf.shape(ids)[1]))
        for block in self.blocks:
            x = block(x, training=training)
        return tf.matmul(x, tf.convert_to_tensor(self.tokens.embeddings), transpose_b=True)

    def generate(self, prompt, count):
        ids = prompt
        for _ in range(count):
            following = tf.argmax(self(ids)[:, -1], axis=-1, output_type=ids.dtype)
            ids = tf.concat([ids, following[:, None]], axis=1)
        return ids


model = LanguageModel()
optimizer = keras.optimizers.AdamW(3e-3, weight_decay=0.01, global_clipnorm=1.0)


@tf.function
def train_step(ids):
    with tf.GradientTape() as tape:
        logits = model(ids[:, :-1], training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(ids[:, 1:], logits))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


rng = np.random.default_rng(70)
for step in range(3):
    start = rng.integers(0, VOCAB, size=(16, 1))
    batch = tf.constant((start + np.arange(LENGTH + 1)) % VOCAB, tf.int32)
    print(step, float(train_step(batch)))
print(model.generate(tf.constant([[3, 4]]), 4).numpy())
