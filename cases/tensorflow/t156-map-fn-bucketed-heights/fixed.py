import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1056)
CELLS = 16

locator = Sequential([
    Input((3,)),
    layers.Dense(12, activation="relu", name="locator_hidden"),
    layers.Dense(1, activation="sigmoid", name="locator_out"),
])


class Terrain(tf.Module):
    def __init__(self):
        super().__init__(name="terrain")
        self.profile = tf.Variable(tf.random.normal((CELLS,)), name="profile")

    def height(self, position):
        """Height at one position in [0, 1]."""
        place = position * (CELLS - 1)
        cell = tf.cast(tf.stop_gradient(tf.minimum(place, CELLS - 2.0)), tf.int32)
        share = place - tf.cast(cell, tf.float32)
        return (1.0 - share) * tf.gather(self.profile, cell) + share * tf.gather(self.profile, cell + 1)

    def heights(self, positions):
        return tf.map_fn(self.height, positions, fn_output_signature=tf.float32)


terrain = Terrain()
variables = locator.trainable_variables + list(terrain.trainable_variables)
optimizer = tf.keras.optimizers.Adam(1e-2)


@tf.function
def step(sensors, altitude):
    with tf.GradientTape() as tape:
        positions = locator(sensors, training=True)[:, 0]
        loss = tf.reduce_mean(tf.square(terrain.heights(positions) - altitude))
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables))
    return loss


rng = np.random.default_rng(56)
sensors = rng.normal(size=(40, 3)).astype("float32")
before = [w.copy() for w in locator.get_weights()]
altitude = np.sin(3.0 * sensors[:, 0]).astype("float32")
for epoch in range(3):
    print("epoch", epoch, "loss", float(step(tf.constant(sensors), tf.constant(altitude))))
print("locator moved", [float(np.abs(a - b).max()) for a, b in zip(locator.get_weights(), before)])
