import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(64)
gen = tf.keras.Sequential([tf.keras.Input((3,)), layers.Dense(8, activation="relu"), layers.Dense(2)], name="gen")
disc = tf.keras.Sequential([tf.keras.Input((2,)), layers.Dense(8, activation="relu"), layers.Dense(1)], name="disc")
optimizer, disc_optimizer = tf.keras.optimizers.Adam(1e-3), tf.keras.optimizers.Adam(1e-3)
bce = tf.keras.losses.BinaryCrossentropy(from_logits=True)


def train_step(real):
    z = tf.random.normal((tf.shape(real)[0], 3))
    with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
        fake = gen(z)
        real_out, fake_out = disc(real), disc(fake)
        g_loss = bce(tf.ones_like(fake_out), fake_out)
        d_loss = bce(tf.ones_like(real_out), real_out) + bce(tf.zeros_like(fake_out), fake_out)
    g_grads = g_tape.gradient(g_loss, gen.trainable_variables)
    d_grads = d_tape.gradient(d_loss, disc.trainable_variables)
    optimizer.apply_gradients(zip(g_grads, gen.trainable_variables))
    disc_optimizer.apply_gradients(zip(d_grads, disc.trainable_variables))
    return g_loss, d_loss


for i in range(3):
    print(i, [float(v) for v in train_step(tf.random.normal((16, 2)))])
