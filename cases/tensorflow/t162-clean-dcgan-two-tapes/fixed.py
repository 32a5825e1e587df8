import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

keras.utils.set_random_seed(1062)
LATENT = 8

generator = keras.Sequential([
    keras.Input((LATENT,)),
    layers.Dense(4 * 4 * 8, use_bias=False, name="project"),
    layers.BatchNormalization(name="project_bn"),
    layers.LeakyReLU(),
    layers.Reshape((4, 4, 8)),
    layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="tanh", name="paint"),
], name="generator")
discriminator = keras.Sequential([
    keras.Input((8, 8, 1)),
    layers.Conv2D(8, 5, strides=2, padding="same", name="look"),
    layers.LeakyReLU(),
    layers.Dropout(0.3),
    layers.Flatten(),
    layers.Dense(1, name="verdict"),
], name="discriminator")
cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
gen_optimizer, disc_optimizer = keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4)
fooled = keras.metrics.Mean()


@tf.function
def train_step(images):
    noise = tf.random.normal((tf.shape(images)[0], LATENT))
    with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
        generated = generator(noise, training=True)
        real_output = discriminator(images, training=True)
        fake_output = discriminator(generated, training=True)
        gen_loss = cross_entropy(tf.ones_like(fake_output), fake_output)
        disc_loss = cross_entropy(tf.ones_like(real_output), real_output)
        disc_loss += cross_entropy(tf.zeros_like(fake_output), fake_output)
    gen_grads = gen_tape.gradient(gen_loss, generator.trainable_variables)
    disc_grads = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
    gen_optimizer.apply_gradients(zip(gen_grads, generator.trainable_variables))
    disc_optimizer.apply_gradients(zip(disc_grads, discriminator.trainable_variables))
    fooled.update_state(tf.cast(fake_output > 0.0, tf.float32))
    return gen_loss, disc_loss


blobs = tf.random.uniform((48, 8, 8, 1), -1.0, 1.0)
for epoch in range(2):
    for batch in tf.data.Dataset.from_tensor_slices(blobs).batch(16):
        g, d = train_step(batch)
    preview = generator(tf.random.normal((2, LATENT)), training=False)
    print(epoch, float(g), float(d), "fooled", float(fooled.result()), "pixel", preview.numpy().mean())
