import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(3)
VOCAB, DIM, CONTEXT = 24, 8, 4


class TinyLM(tf.Module):
    def __init__(self):
        super().__init__(name="tiny_lm")
        self.token_table = tf.Variable(tf.random.normal((VOCAB, DIM), stddev=0.1), name="token_table")
        self.mixer = tf.Variable(tf.random.normal((CONTEXT, 1), stddev=0.3), name="mixer")

    def __call__(self, onehot):
        h = tf.einsum("bcd,co->bd", onehot, self.mixer)
        return tf.matmul(h, self.token_table, transpose_b=True)


model = TinyLM()
rng = np.random.default_rng(0)
ctx = tf.constant(rng.normal(size=(40, CONTEXT, DIM)), tf.float32)
nxt = tf.constant(rng.integers(0, VOCAB, size=40))
opt = tf.keras.optimizers.Adam(1e-2)
for epoch in range(3):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=nxt, logits=model(ctx)))
    grads = tape.gradient(loss, model.trainable_variables)
    opt.apply_gradients(zip(grads, model.trainable_variables))
    print(epoch, float(loss))
