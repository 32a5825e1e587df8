import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1023)
HIDDEN, CHUNK = 10, 4


class Reader(tf.keras.Model):
    """The context vector starts the recurrence; the state then walks over the sequence."""

    def __init__(self):
        super().__init__(name="reader")
        self.context = layers.Dense(HIDDEN, activation="tanh", name="context")
        self.cell = layers.GRUCell(HIDDEN, name="gate")
        self.emit = layers.Dense(1, name="emit")

    def call(self, inputs):
        side, sequence = inputs
        state = self.context(side)
        outputs = tf.TensorArray(tf.float32, size=sequence.shape[1])
        for t in range(sequence.shape[1]):
            if t and t % CHUNK == 0:
                state = tf.stop_gradient(state)  # truncated back-propagation through time
            output, (state,) = self.cell(sequence[:, t], [state])
            outputs = outputs.write(t, self.emit(output))
        return tf.transpose(outputs.stack(), (1, 0, 2))


model = Reader()
optimizer = tf.keras.optimizers.Adam(3e-3, global_clipnorm=1.0)


@tf.function
def train_step(side, sequence, target):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model([side, sequence], training=True) - target))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


rng = np.random.default_rng(23)
side = tf.constant(rng.normal(size=(32, 3)), tf.float32)
sequence = tf.constant(rng.normal(size=(32, 8, 2)), tf.float32)
target = side[:, None, :1] + tf.cumsum(sequence[:, :, :1], axis=1)
for epoch in range(3):
    print("epoch", epoch, "loss", float(train_step(side, sequence, target)))
