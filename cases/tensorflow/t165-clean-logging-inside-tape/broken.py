import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1065)


class ReviewModel(tf.keras.Model):
    def __init__(self):
        super().__init__(name="review_model")
        self.embed = layers.Embedding(40, 8, mask_zero=True, name="reader_embed")
        self.gru = layers.Bidirectional(layers.GRU(6), name="reader_gru")
        self.verdict = layers.Dense(2, name="verdict")

    def call(self, tokens):
        return self.verdict(self.gru(self.embed(tokens)))


class RunningLog:
    def __init__(self):
        self.rows = []

    def add(self, loss, logits, labels):
        probabilities = tf.nn.softmax(logits).numpy()
        predicted = tf.argmax(logits, axis=1)
        accuracy = tf.reduce_mean(tf.cast(predicted == labels, tf.float32))
        confidence = np.mean(probabilities.max(axis=1))
        self.rows.append((float(loss), accuracy.numpy().item(), confidence))

    def summary(self):
        return np.round(np.mean(self.rows, axis=0), 4).tolist()


def make_reviews(n):
    rng = np.random.default_rng(15)
    tokens = rng.integers(1, 40, size=(n, 9))
    tokens[:, 6:] *= rng.integers(0, 2, size=(n, 1))
    return tokens, (tokens[:, :6].mean(axis=1) > 20).astype("int64")


tokens, labels = make_reviews(64)
model, optimizer = ReviewModel(), tf.keras.optimizers.Nadam(1e-2)
criterion = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
for epoch in range(2):
    log = RunningLog()
    for bx, by in tf.data.Dataset.from_tensor_slices((tokens, labels)).batch(16):
        with tf.GradientTape() as tape:
            logits = model(bx, training=True)
            loss = criterion(by, logits)
            log.add(loss, logits, by)
            if np.isnan(loss.numpy()):
                raise RuntimeError("diverged")
            rounded = tf.round(loss * 100.0) / 100.0
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
    print(f"epoch {epoch}: last {rounded.numpy():.2f} mean", log.summary())
