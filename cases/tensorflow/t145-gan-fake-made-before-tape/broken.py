import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1045)
NOISE = 5

forger = Sequential([Input((NOISE,)), layers.Dense(16, activation="relu"), layers.Dense(2)], name="forger")
expert = Sequential([Input((2,)), layers.Dense(16, activation="relu"), layers.Dense(1)], name="expert")


class Duel:
    def __init__(self):
        self.forger_opt = tf.keras.optimizers.Adam(1e-3, beta_1=0.5)
        self.expert_opt = tf.keras.optimizers.Adam(1e-3, beta_1=0.5)
        self.bce = tf.keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.05)

    @tf.function
    def step(self, real):
        noise = tf.random.normal((tf.shape(real)[0], NOISE))
        fake = forger(noise, training=True)
        with tf.GradientTape() as forger_tape, tf.GradientTape() as expert_tape:
            on_real, on_fake = expert(real, training=True), expert(fake, training=True)
            forger_loss = self.bce(tf.ones_like(on_fake), on_fake)
            expert_loss = self.bce(tf.ones_like(on_real), on_real) + self.bce(tf.zeros_like(on_fake), on_fake)
        grads = expert_tape.gradient(expert_loss, expert.trainable_variables)
        self.expert_opt.apply_gradients(zip(grads, expert.trainable_variables))
        grads = forger_tape.gradient(forger_loss, forger.trainable_variables)
        self.forger_opt.apply_gradients(zip(grads, forger.trainable_variables))
        return forger_loss, expert_loss


def moons(n):
    angle = tf.random.uniform((n, 1), maxval=3.1416)
    flip = tf.cast(tf.random.uniform((n, 1)) > 0.5, tf.float32)
    return tf.concat([tf.cos(angle) + flip, tf.sin(angle) * (1.0 - 2.0 * flip)], axis=1)


duel = Duel()
for epoch in range(3):
    losses = duel.step(moons(32))
    print(epoch, [float(value) for value in losses])
