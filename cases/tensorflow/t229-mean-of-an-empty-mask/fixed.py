import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(95)
enc = tf.keras.Sequential([tf.keras.Input((5, 3)), layers.Dense(8, activation="tanh"), layers.Dense(1)], name="enc")
opt = tf.keras.optimizers.Adam(1e-3)
x = tf.random.normal((8, 5, 3))
lengths = np.array([5, 3, 0, 2, 4, 1, 0, 5])
mask = tf.constant((np.arange(5)[None] < lengths[:, None]).astype("float32"))
for i in range(3):
    with tf.GradientTape() as tape:
        scores = enc(x)[..., 0]
        pooled = tf.math.divide_no_nan(tf.reduce_sum(scores * mask, axis=1), tf.reduce_sum(mask, axis=1))
        loss = tf.reduce_mean(tf.square(pooled - 1.0))
    opt.apply_gradients(zip(tape.gradient(loss, enc.trainable_variables), enc.trainable_variables))
    print(i, float(loss))
