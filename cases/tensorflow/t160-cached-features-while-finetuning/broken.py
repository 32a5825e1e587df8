import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1060)

backbone = Sequential([
    Input((12, 12, 1)),
    layers.Conv2D(6, 3, activation="relu", name="bark_conv1"),
    layers.Conv2D(8, 3, activation="relu", name="bark_conv2"),
    layers.GlobalAveragePooling2D(),
], name="backbone")
head = Sequential([Input((8,)), layers.Dense(12, activation="relu"), layers.Dense(4, name="species_logits")], name="species")
criterion = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def cache(images, size=20):
    """The forward pass is slow, so do it once."""
    parts = [backbone(images[i:i + size], training=False) for i in range(0, len(images), size)]
    return tf.concat(parts, axis=0)


def train(inputs, labels, forward, variables, rate, epochs):
    optimizer = tf.keras.optimizers.Adam(rate)
    for epoch in range(epochs):
        with tf.GradientTape() as tape:
            loss = criterion(labels, forward(inputs))
        grads = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(grads, variables))
    return float(loss)


rng = np.random.default_rng(60)
bark = tf.constant(rng.uniform(size=(40, 12, 12, 1)), tf.float32)
species = tf.constant(rng.integers(0, 4, size=40))
features = cache(bark)

# stage 1: the head on cached features
print("head only", train(features, species, head, head.trainable_variables, 1e-2, epochs=2))

# stage 2: everything, with a small rate
everything = backbone.trainable_variables + head.trainable_variables
print("fine-tuned", train(features, species, head, everything, 1e-3, epochs=2))
