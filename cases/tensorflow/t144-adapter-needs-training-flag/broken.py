import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1044)


class DenoisingRegressor(tf.keras.Model):
    """While training, an auxiliary branch learns to undo a learned corruption."""

    def __init__(self, width):
        super().__init__(name="denoising_regressor")
        self.regress = layers.Dense(1, name="point_estimate")
        self.corrupt = layers.Dense(width, activation="tanh", name="corrupt")
        self.denoise = layers.Dense(width, name="denoise")

    def build(self, shape):
        for layer in (self.regress, self.corrupt, self.denoise):
            layer.build(shape)

    def call(self, x, training=False):
        if training:
            restored = self.denoise(self.corrupt(x))
            self.add_loss(0.1 * tf.reduce_mean(tf.square(restored - x)))
        return self.regress(x)


@tf.function
def train_step(model, optimizer, x, y):
    with tf.GradientTape() as tape:
        prediction = model(x)
        loss = tf.reduce_mean(tf.abs(prediction - y))
        if model.losses:
            loss += tf.add_n(model.losses)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


rng = np.random.default_rng(44)
x = rng.normal(size=(96, 5)).astype("float32")
y = x @ rng.normal(size=(5, 1)).astype("float32")
model, optimizer = DenoisingRegressor(5), tf.keras.optimizers.Adam(1e-2)
model.build((None, 5))
dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(32).repeat(2)
for step, (bx, by) in enumerate(dataset):
    loss = train_step(model, optimizer, bx, by)
    if step % 2 == 0:
        print(step, "loss", float(loss))
