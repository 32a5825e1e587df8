import numpy as np
import tensorflow as tf

tf.random.set_seed(1076)
WORDS, TAGS, DIM = 50, 12, 8


class DocumentModel(tf.Module):
    def __init__(self):
        super().__init__(name="document_model")
        self.word_table = tf.Variable(tf.random.normal((WORDS, DIM), stddev=0.1), name="word_table")
        self.tag_table = tf.Variable(tf.random.normal((TAGS, DIM), stddev=0.1), name="tag_table")
        self.merge = tf.Variable(tf.random.normal((2 * DIM, 3), stddev=0.3), name="merge")

    def __call__(self, words, tags):
        """words: ragged [batch, None] ids, tags: sparse [batch, TAGS] weights."""
        vectors = tf.ragged.map_flat_values(lambda ids: tf.nn.embedding_lookup(self.word_table, ids), words)
        text = tf.reduce_mean(vectors, axis=1)
        marks = tf.sparse.sparse_dense_matmul(tags, self.tag_table)
        return tf.matmul(tf.concat([text, marks], axis=1), self.merge)


def documents(rng, n):
    words = [rng.integers(0, WORDS, size=rng.integers(1, 9)).tolist() for _ in range(n)]
    dense = rng.uniform(size=(n, TAGS)) * (rng.uniform(size=(n, TAGS)) > 0.7)
    topics = np.array([sum(w) % 3 for w in words])
    return tf.ragged.constant(words, dtype=tf.int32), tf.sparse.from_dense(dense.astype("float32")), tf.constant(topics)


def longest(words):
    return int(tf.reduce_max(words.row_lengths()))


rng = np.random.default_rng(76)
model = DocumentModel()
optimizer = tf.keras.optimizers.Adagrad(0.1)
for step in range(3):
    words, tags, topics = documents(rng, 16)
    with tf.GradientTape() as tape:
        logits = model(words, tags)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(topics, logits))
    gradients = tape.gradient(loss, model.trainable_variables)
    kinds = [type(g).__name__ for g in gradients]
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    print(step, "loss", float(loss), "longest", longest(words), kinds)
