"""Sensor windows: an encoder that is meant to be fine-tuned, a classifier on top, and an L2 term over all weights."""

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(9)
rng = np.random.default_rng(9)
windows = rng.normal(size=(64, 12)).astype("float32")
labels = (windows[:, 0] > 0).astype("int64")

encoder = keras.Sequential(
    [keras.Input((12,)), keras.layers.Dense(6, activation="relu", use_bias=False, name="encoder_dense")], name="encoder"
)
classifier = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2, name="logits")], name="classifier")
weights = encoder.trainable_variables + classifier.trainable_variables
optimizer = keras.optimizers.Adam(0.01)
cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        code = encoder(x, training=True)
        logits = classifier(code, training=True)
        penalty = 1e-4 * tf.add_n([tf.nn.l2_loss(w) for w in weights])
        loss = cross_entropy(y, logits) + penalty
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
    return loss


for epoch in range(4):
    loss = train_step(windows, labels)
print(f"loss after 4 epochs: {float(loss):.3f}")
