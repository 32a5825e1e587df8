import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(1020)
UNITS, BATCH = 8, 12


class StatefulCell(tf.keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w_input = self.add_weight(shape=(input_shape[-1], self.units), name="w_input")
        self.w_state = self.add_weight(shape=(self.units, self.units), initializer="orthogonal", name="w_state")
        self.memory = self.add_weight(shape=(BATCH, self.units), initializer="zeros", trainable=False, name="memory")

    def call(self, x):
        update = tf.tanh(tf.matmul(x, self.w_input) + tf.matmul(self.memory, self.w_state))
        self.memory.assign(update)
        return tf.convert_to_tensor(self.memory)

    def reset(self):
        self.memory.assign(tf.zeros((BATCH, self.units)))


cell = StatefulCell(UNITS, name="cell")
readout = tf.keras.layers.Dense(1, name="readout")
optimizer = tf.keras.optimizers.Adam(5e-3)


def running_sum(seed):
    rng = np.random.default_rng(seed)
    steps = rng.choice([-1.0, 1.0], size=(BATCH, 5, 1)).astype("float32")
    return tf.constant(steps), tf.constant(steps.sum(axis=1))


for epoch in range(3):
    sequence, total = running_sum(epoch)
    cell.reset() if cell.built else None
    with tf.GradientTape() as tape:
        for t in range(sequence.shape[1]):
            hidden = cell(sequence[:, t])
        loss = tf.reduce_mean(tf.square(readout(hidden) - total))
    variables = cell.trainable_variables + readout.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    print("epoch", epoch, "loss", float(loss))
