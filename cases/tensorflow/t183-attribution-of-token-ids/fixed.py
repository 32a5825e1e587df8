import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1083)
WORDS = ["<pad>", "good", "bad", "film", "plot", "very", "not", "boring", "great", "the"]


class Sentiment(tf.keras.Model):
    def __init__(self, dim=8):
        super().__init__(name="sentiment")
        self.lookup = layers.Embedding(len(WORDS), dim, name="lookup")
        self.conv = layers.Conv1D(12, 2, activation="relu", name="conv")
        self.pool = layers.GlobalMaxPooling1D()
        self.out = layers.Dense(1, name="out")

    def from_embeddings(self, embedded):
        return self.out(self.pool(self.conv(embedded)))

    def call(self, token_ids):
        return self.from_embeddings(self.lookup(token_ids))


def encode(text, length=6):
    ids = [WORDS.index(word) for word in text.split()]
    return tf.constant([ids + [0] * (length - len(ids))], dtype=tf.int32)


def importance(model, text):
    token_ids = encode(text)
    with tf.GradientTape() as tape:
        embedded = model.lookup(token_ids)
        tape.watch(embedded)
        score = model.from_embeddings(embedded)
    slope = tape.gradient(score, embedded)
    print(text, "->", slope.shape)
    strength = tf.reduce_sum(tf.abs(tf.reshape(tf.cast(slope, tf.float32), (1, token_ids.shape[1], -1))), axis=-1)
    return dict(zip(text.split(), strength.numpy()[0].round(4).tolist()))


model = Sentiment()
model.compile(optimizer="adam", loss=tf.keras.losses.BinaryCrossentropy(from_logits=True))
texts = ["the film not good", "very good plot", "boring film", "great plot very great"]
tokens = np.concatenate([encode(text).numpy() for text in texts])
model.fit(tokens, np.array([[0.0], [1.0], [0.0], [1.0]]), epochs=2, verbose=0)
for text in texts[:2]:
    print(importance(model, text))
