import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(93)
base = tf.keras.Sequential([tf.keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu", name="c1"), layers.Conv2D(4, 3, activation="relu", name="c2"), layers.GlobalAveragePooling2D()], name="base")
head = layers.Dense(2, name="cls")
model = tf.keras.Sequential([base, head])
base.trainable = False
base.trainable = True
base.layers[0].trainable = False
opt_head = tf.keras.optimizers.Adam(1e-3)
opt_base = tf.keras.optimizers.Adam(1e-4)
rng = np.random.default_rng(0)
x = tf.constant(rng.uniform(size=(16, 8, 8, 1)), tf.float32)
y = tf.constant(rng.integers(0, 2, 16))
for i in range(3):
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=model(x)))
    opt_head.apply_gradients(zip(tape.gradient(loss, head.trainable_variables), head.trainable_variables))
    fine = base.trainable_variables
    opt_base.apply_gradients(zip(tape.gradient(loss, fine), fine))
    print(i, float(loss))
