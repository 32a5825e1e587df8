import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1055)
GRID, STEPS, DT = 0.05, 6, 0.2

rate = Sequential([
    Input((1,)),
    layers.Dense(10, activation="tanh", name="rate_hidden"),
    layers.Dense(1, name="rate_out"),
])
offset = tf.Variable(0.0, name="offset")
optimizer = tf.keras.optimizers.Adam(1e-2)


def snap(state):
    return tf.floor(state / GRID) * GRID


def integrate(start):
    """Explicit Euler with the learned right-hand side."""

    def not_done(turn, state):
        return turn < STEPS

    def advance(turn, state):
        state = state + DT * rate(state)
        return turn + 1, snap(state)

    _, final = tf.while_loop(not_done, advance, (tf.constant(0), start))
    return final + offset


@tf.function
def train_step(start, target):
    variables = rate.trainable_variables + [offset]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(integrate(start) - target))
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients((g, v) for g, v in zip(gradients, variables) if g is not None)
    return loss


rng = np.random.default_rng(55)
before = [w.copy() for w in rate.get_weights()]
for epoch in range(4):
    start = tf.constant(rng.uniform(-1, 1, size=(32, 1)), tf.float32)
    loss = train_step(start, start * np.exp(-0.5 * STEPS * DT))
    print("epoch", epoch, "loss", float(loss), "offset", float(offset))
print("moved", [float(np.abs(a - b).max()) for a, b in zip(rate.get_weights(), before)])
