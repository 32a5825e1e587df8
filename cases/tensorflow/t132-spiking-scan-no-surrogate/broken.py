import numpy as np
import tensorflow as tf

tf.random.set_seed(1032)
DECAY, THRESHOLD = 0.8, 0.5


def spike(voltage):
    return tf.cast(voltage > THRESHOLD, tf.float32)


class SpikingLayer(tf.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__(name="spiking")
        self.w_in = tf.Variable(tf.random.normal((n_in, n_hidden), stddev=0.5), name="w_in")
        self.w_out = tf.Variable(tf.random.normal((n_hidden, n_out), stddev=0.5), name="w_out")

    def __call__(self, currents):
        """currents: [time, batch, n_in]; the rate of the spikes is read out."""
        drive = tf.einsum("tbi,ih->tbh", currents, self.w_in)
        silent = tf.zeros_like(drive[0])

        def advance(state, current):
            voltage, spikes = state
            voltage = DECAY * voltage * (1.0 - spikes) + current
            return voltage, spike(voltage)

        _, spikes = tf.scan(advance, drive, initializer=(silent, silent))
        return tf.matmul(tf.reduce_mean(spikes, axis=0), self.w_out)


def batch(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size=24)
    currents = rng.uniform(size=(10, 24, 4)) * (0.3 + 0.7 * labels[None, :, None])
    return tf.constant(currents, tf.float32), tf.constant(labels)


net = SpikingLayer(4, 12, 2)
optimizer = tf.keras.optimizers.Adam(1e-2)
for epoch in range(3):
    currents, labels = batch(epoch)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, net(currents)))
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
    print(epoch, float(loss))
