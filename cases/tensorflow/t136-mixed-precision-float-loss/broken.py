import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

keras.utils.set_random_seed(1036)
keras.mixed_precision.set_global_policy("mixed_float16")


def build(length, channels):
    inputs = keras.Input((length, channels))
    x = layers.Conv1D(8, 3, activation="relu", name="half_conv")(inputs)
    x = layers.GlobalMaxPooling1D()(x)
    return keras.Model(inputs, layers.Dense(2, name="half_out")(x))


class HalfTrainer:
    def __init__(self, model, rate=1e-3):
        self.model = model
        inner = keras.optimizers.Adam(rate)
        self.optimizer = keras.mixed_precision.LossScaleOptimizer(inner, initial_scale=256.0)
        self.running = keras.metrics.Mean()

    def full_precision(self, loss):
        """The scale would overflow float16."""
        return tf.constant(float(loss), dtype=tf.float32)

    def step(self, x, y):
        with tf.GradientTape() as tape:
            logits = self.model(x, training=True)
            entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            loss = self.full_precision(tf.reduce_mean(entropy))
            scaled = self.optimizer.scale_loss(loss)
        grads = tape.gradient(scaled, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.model.trainable_variables))
        self.running.update_state(loss)


rng = np.random.default_rng(36)
waves = rng.normal(size=(48, 10, 2)).astype("float16")
kinds = (waves[:, :, 0].max(axis=1) > waves[:, :, 1].max(axis=1)).astype("int64")
trainer = HalfTrainer(build(10, 2))
for epoch in range(2):
    for i in range(0, 48, 16):
        trainer.step(tf.constant(waves[i:i + 16]), tf.constant(kinds[i:i + 16]))
    print("epoch", epoch, "loss", float(trainer.running.result()))
