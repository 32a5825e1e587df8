import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1007)
VOCAB, DIM = 24, 12

src_embedding = layers.Embedding(VOCAB, DIM, name="src_embedding")
encoder_gru = layers.GRU(DIM, return_state=True, name="encoder_gru")
tgt_embedding = layers.Embedding(VOCAB, DIM, name="tgt_embedding")
decoder_gru = layers.GRU(DIM, return_sequences=True, name="decoder_gru")
vocab_out = layers.Dense(VOCAB, name="vocab_out")
PARTS = [src_embedding, encoder_gru, tgt_embedding, decoder_gru, vocab_out]


def encode(source):
    _, state = encoder_gru(src_embedding(source))
    return state


def decode(state, previous):
    return vocab_out(decoder_gru(tgt_embedding(previous), initial_state=state))


def trainable():
    return [v for part in PARTS for v in part.trainable_variables]


def copy_task(n, seed):
    tokens = np.random.default_rng(seed).integers(1, VOCAB, size=(n, 6))
    shifted = np.concatenate([np.zeros((n, 1), dtype=tokens.dtype), tokens[:, :-1]], axis=1)
    return tf.constant(tokens), tf.constant(shifted)


optimizer = tf.keras.optimizers.Adam(5e-3)
xent = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

for step in range(3):
    source, shifted = copy_task(16, step)
    with tf.GradientTape() as tape:
        state = encode(source)
        # teacher forcing
        logits = decode(state, shifted)
        loss = xent(source, logits)
    grads = tape.gradient(loss, trainable())
    pairs = [(g, v) for g, v in zip(grads, trainable()) if g is not None]
    optimizer.apply_gradients(pairs)
    print("step", step, "loss", float(loss), "updated", len(pairs), "of", len(grads))
