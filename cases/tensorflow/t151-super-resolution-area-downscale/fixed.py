import numpy as np
import tensorflow as tf
import keras
from keras import layers

keras.utils.set_random_seed(1051)
SCALE = 2


class PixelShuffle(layers.Layer):
    def call(self, x):
        return tf.nn.depth_to_space(x, SCALE)

    def compute_output_shape(self, shape):
        return (shape[0], shape[1] * SCALE, shape[2] * SCALE, shape[3] // SCALE**2)


class SuperResolution(keras.Model):
    def __init__(self):
        super().__init__(name="super_resolution")
        self.feature_conv = layers.Conv2D(8, 3, padding="same", activation="relu", name="feature_conv")
        self.pixel_conv = layers.Conv2D(SCALE**2, 3, padding="same", name="pixel_conv")
        self.shuffle = PixelShuffle()
        self.cycle = keras.metrics.Mean(name="cycle")

    def call(self, small):
        return self.shuffle(self.pixel_conv(self.feature_conv(small)))

    def train_step(self, small):
        with tf.GradientTape() as tape:
            large = self(small, training=True)
            size = (small.shape[1], small.shape[2])
            again = tf.image.resize(large, size, method="bilinear")
            smooth = tf.reduce_mean(tf.image.total_variation(large)) / 1000.0
            loss = tf.reduce_mean(tf.abs(again - small)) + smooth
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        self.cycle.update_state(loss)
        return {"cycle": self.cycle.result()}


textures = np.random.default_rng(51).uniform(size=(32, 8, 8, 1)).astype("float32")
model = SuperResolution()
model.compile(optimizer=keras.optimizers.Adam(1e-3))
history = model.fit(textures, batch_size=8, epochs=2, verbose=0)
print(history.history["cycle"])
print("output", model.predict(textures[:1], verbose=0).shape)
