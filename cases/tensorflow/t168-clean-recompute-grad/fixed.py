import numpy as np
import tensorflow as tf

tf.random.set_seed(1068)


class Block(tf.Module):
    def __init__(self, width, index):
        super().__init__(name=f"block{index}")
        self.weight = tf.Variable(tf.random.normal((width, width), stddev=0.2), name=f"block_weight{index}")
        self.bias = tf.Variable(tf.zeros((width,)), name=f"block_bias{index}")

    def __call__(self, x):
        return x + tf.nn.gelu(tf.matmul(x, self.weight) + self.bias)


class DeepNet(tf.Module):
    """The activations of the blocks are computed again on the way back."""

    def __init__(self, width, depth):
        super().__init__(name="deep_net")
        self.blocks = [Block(width, i) for i in range(depth)]
        self.cheap = [tf.recompute_grad(block) for block in self.blocks]
        self.head_weight = tf.Variable(tf.random.normal((width, 1), stddev=0.2), name="head_weight")

    def __call__(self, x, checkpoint=True):
        for block in self.cheap if checkpoint else self.blocks:
            x = block(x)
        return tf.matmul(x, self.head_weight)


def train(net, x, y, steps, checkpoint):
    optimizer = tf.keras.optimizers.SGD(0.02)
    variables = list(net.trainable_variables)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(net(x, checkpoint) - y))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return float(loss)


rng = np.random.default_rng(68)
x = tf.constant(rng.normal(size=(48, 6)), tf.float32)
y = tf.reduce_sum(x[:, :3], axis=1, keepdims=True)
net = DeepNet(width=6, depth=3)
print("with checkpoints", train(net, x, y, 3, checkpoint=True))
print("without", train(net, x, y, 2, checkpoint=False))
