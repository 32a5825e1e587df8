import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1066)
SYMBOLS, OBJECTS = 6, 5

sender = Sequential([Input((OBJECTS,)), layers.Dense(16, activation="tanh"), layers.Dense(SYMBOLS)], name="sender")
receiver = Sequential([Input((SYMBOLS,)), layers.Dense(16, activation="tanh"), layers.Dense(OBJECTS)], name="receiver")
optimizer = tf.keras.optimizers.Adam(1e-2)
weights = sender.trainable_weights + receiver.trainable_weights


def gumbel(shape):
    uniform = tf.random.uniform(shape, minval=1e-6, maxval=1.0 - 1e-6)
    return -tf.math.log(-tf.math.log(uniform))


def straight_through(logits, temperature):
    """One-hot on the way forward, softmax on the way back."""
    soft = tf.nn.softmax((logits + gumbel(tf.shape(logits))) / temperature)
    hard = tf.one_hot(tf.argmax(soft, axis=-1), SYMBOLS)
    return hard - tf.stop_gradient(soft) + soft


@tf.function
def play(objects, temperature):
    with tf.GradientTape() as tape:
        message = straight_through(sender(objects), temperature)
        guess = receiver(message)
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(objects, guess))
    gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, weights), 1.0)
    optimizer.apply_gradients(zip(gradients, weights))
    hits = tf.reduce_mean(tf.cast(tf.argmax(guess, 1) == tf.argmax(objects, 1), tf.float32))
    return loss, hits


rng = np.random.default_rng(1)
for game in range(5):
    objects = tf.one_hot(rng.integers(0, OBJECTS, size=32), OBJECTS)
    temperature = tf.constant(max(0.5, 1.5 - 0.2 * game), tf.float32)
    loss, hits = play(objects, temperature)
    print(game, "loss", float(loss), "hits", float(hits))
used = tf.argmax(sender(tf.eye(OBJECTS)), axis=1).numpy()
print("words", used.tolist())
