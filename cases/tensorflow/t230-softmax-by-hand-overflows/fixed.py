import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(56)


class Attention(tf.keras.Model):
    def __init__(self):
        super().__init__(name="attn")
        self.q, self.k, self.v = layers.Dense(8), layers.Dense(8), layers.Dense(1)

    def call(self, x):
        scores = 40.0 * tf.matmul(self.q(x), self.k(x), transpose_b=True)
        weights = tf.nn.softmax(scores, axis=-1)
        return tf.matmul(weights, self.v(x))


model = Attention()
opt = tf.keras.optimizers.Adam(1e-3)
x = 3.0 * tf.random.normal((8, 5, 6))
for i in range(3):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x) - x[..., :1]))
    grads = tape.gradient(loss, model.trainable_variables)
    opt.apply_gradients(zip(grads, model.trainable_variables))
    print(i, float(loss))
