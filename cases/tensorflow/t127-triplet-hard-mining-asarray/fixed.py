import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1027)


def embedding_net():
    return tf.keras.Sequential([
        tf.keras.Input((12, 12, 1)),
        layers.Conv2D(6, 3, activation="relu", name="face_conv"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(8, name="face_embed"),
    ])


def hard_triplets(vectors, labels):
    """For each anchor: the farthest positive and the closest negative."""
    gaps = np.sum((vectors[:, None] - vectors[None]) ** 2, axis=-1)
    same = labels[:, None] == labels[None]
    positive = np.where(same, gaps, -np.inf).argmax(axis=1)
    negative = np.where(same, np.inf, gaps).argmin(axis=1)
    return positive, negative


def triplet_loss(embeddings, labels, margin=0.5):
    vectors = np.asarray(embeddings)
    positive, negative = hard_triplets(vectors, labels)
    near = tf.reduce_sum(tf.square(embeddings - tf.gather(embeddings, positive)), axis=1)
    far = tf.reduce_sum(tf.square(embeddings - tf.gather(embeddings, negative)), axis=1)
    return tf.reduce_mean(tf.nn.relu(near - far + margin))


rng = np.random.default_rng(27)
people = np.repeat(np.arange(4), 5)
faces = (rng.uniform(size=(4, 12, 12, 1))[people] + 0.2 * rng.normal(size=(20, 12, 12, 1))).astype("float32")

net = embedding_net()
optimizer = tf.keras.optimizers.Adam(1e-3)
for step in range(3):
    with tf.GradientTape() as tape:
        embeddings = tf.math.l2_normalize(net(faces, training=True), axis=1)
        loss = triplet_loss(embeddings, people)
    gradients = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(gradients, net.trainable_variables))
    print(f"step {step}: loss {loss.numpy():.4f}")
