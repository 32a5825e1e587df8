import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1053)
PAD = 0


class BagOfWords(tf.keras.Model):
    def __init__(self, vocab=30, dim=10):
        super().__init__(name="bag_of_words")
        self.embed = layers.Embedding(vocab, dim, name="word_vectors")
        self.mix = layers.Dense(dim, activation="tanh", name="mix_words")
        self.verdict = layers.Dense(1, use_bias=False, name="score")
        self.bias = self.add_weight(shape=(1,), initializer="zeros", name="verdict_bias")

    def call(self, tokens):
        keep = tf.cast(tf.equal(tokens, PAD), tf.float32)[..., None]
        words = self.mix(self.embed(tokens)) * keep
        pooled = tf.reduce_sum(words, axis=1) / tf.maximum(tf.reduce_sum(keep, axis=1), 1.0)
        return self.verdict(pooled) + self.bias


def reviews(seed, n=24, length=6):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(1, 30, size=(n, length))
    return tf.constant(tokens), tf.constant(tokens.mean(axis=1, keepdims=True) > 15, tf.float32)


model = BagOfWords()
optimizer = tf.keras.optimizers.Adam(5e-3)
bce = tf.keras.losses.BinaryCrossentropy(from_logits=True)
accuracy = tf.keras.metrics.BinaryAccuracy(threshold=0.0)
for epoch in range(4):
    tokens, labels = reviews(epoch)
    with tf.GradientTape() as tape:
        logits = model(tokens, training=True)
        loss = bce(labels, logits)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    accuracy.update_state(labels, logits)
    print(epoch, "loss", float(loss), "accuracy", float(accuracy.result()))
