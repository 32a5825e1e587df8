import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1086)


class SparseExperts(layers.Layer):
    def __init__(self, experts=4, k=2, width=12, **kwargs):
        super().__init__(**kwargs)
        self.experts, self.k, self.width = experts, k, width
        self.router = layers.Dense(experts, use_bias=False, name="router")

    def build(self, input_shape):
        dim = input_shape[-1]
        self.router.build(input_shape)
        self.expert_in = self.add_weight(shape=(self.experts, dim, self.width), name="expert_in")
        self.expert_out = self.add_weight(shape=(self.experts, self.width, dim), name="expert_out")

    def call(self, x):
        probabilities = tf.nn.softmax(self.router(x))
        weights, chosen = tf.math.top_k(probabilities, k=self.k)
        weights = weights / tf.reduce_sum(weights, axis=1, keepdims=True)
        dispatch = tf.reduce_sum(weights[..., None] * tf.one_hot(chosen, self.experts), axis=1)
        hidden = tf.nn.relu(tf.einsum("bd,edh->beh", x, self.expert_in))
        each = tf.einsum("beh,ehd->bed", hidden, self.expert_out)
        return x + tf.einsum("be,bed->bd", dispatch, each)


class MoE(tf.keras.Model):
    def __init__(self):
        super().__init__(name="moe")
        self.layer = SparseExperts(name="sparse_experts")
        self.vocabulary = layers.Dense(6, name="vocabulary")

    def call(self, x):
        return self.vocabulary(self.layer(x))


model = MoE()
optimizer = tf.keras.optimizers.Adam(1e-2)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(x)))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


rng = np.random.default_rng(86)
x = rng.normal(size=(64, 8)).astype("float32")
y = rng.integers(0, 6, size=64)
for epoch in range(3):
    print(epoch, float(train_step(tf.constant(x), tf.constant(y))))
