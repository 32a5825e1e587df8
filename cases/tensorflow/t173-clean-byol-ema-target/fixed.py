import numpy as np
import tensorflow as tf
import keras
from keras import layers

keras.utils.set_random_seed(1073)


def encoder(name):
    return keras.Sequential([
        keras.Input((9,)),
        layers.Dense(24),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dense(6),
    ], name=name)


class BYOL(keras.Model):
    def __init__(self, decay=0.95):
        super().__init__()
        self.online = encoder("online_encoder")
        self.target = encoder("target_encoder")
        self.predictor = keras.Sequential(
            [keras.Input((6,)), layers.Dense(16, activation="relu"), layers.Dense(6)], name="online_predictor"
        )
        self.target.set_weights(self.online.get_weights())
        self.target.trainable = False
        self.decay = decay
        self.tracker = keras.metrics.Mean(name="regression")

    def call(self, x):
        return self.online(x)

    def loss_between(self, first, second):
        predicted = tf.math.l2_normalize(self.predictor(self.online(first, training=True), training=True), axis=1)
        wanted = tf.stop_gradient(tf.math.l2_normalize(self.target(second, training=True), axis=1))
        return 2.0 - 2.0 * tf.reduce_mean(tf.reduce_sum(predicted * wanted, axis=1))

    def train_step(self, x):
        first = x + 0.1 * tf.random.normal(tf.shape(x))
        second = x * tf.cast(tf.random.uniform(tf.shape(x)) > 0.1, x.dtype)
        with tf.GradientTape() as tape:
            loss = self.loss_between(first, second) + self.loss_between(second, first)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        for slow, fast in zip(self.target.weights, self.online.weights):
            slow.assign(self.decay * slow + (1.0 - self.decay) * fast)
        self.tracker.update_state(loss)
        return {"regression": self.tracker.result()}


x = np.random.default_rng(73).normal(size=(96, 9)).astype("float32")
model = BYOL()
model.compile(optimizer=keras.optimizers.Adam(3e-3))
print(model.fit(x, batch_size=32, epochs=2, verbose=0).history)
