import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1017)

artist = Sequential([Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(3)], name="artist")
judge = Sequential([Input((3,)), layers.Dense(16, activation="relu"), layers.Dense(1)], name="judge")
artist_opt, judge_opt = tf.keras.optimizers.Adam(2e-4), tf.keras.optimizers.Adam(2e-4)


def softplus_losses(real_score, fake_score):
    artist_loss = tf.reduce_mean(tf.nn.softplus(-fake_score))
    judge_loss = tf.reduce_mean(tf.nn.softplus(fake_score)) + tf.reduce_mean(tf.nn.softplus(-real_score))
    return artist_loss, judge_loss


def adversarial_update(real):
    noise = tf.random.normal((real.shape[0], 4))
    with tf.GradientTape() as tape:
        fake = artist(noise, training=True)
        artist_loss, judge_loss = softplus_losses(judge(real, training=True), judge(fake, training=True))

    artist_grads = tape.gradient(artist_loss, artist.trainable_variables)
    judge_grads = tape.gradient(judge_loss, judge.trainable_variables)
    artist_opt.apply_gradients(zip(artist_grads, artist.trainable_variables))
    judge_opt.apply_gradients(zip(judge_grads, judge.trainable_variables))
    return artist_loss, judge_loss


def ring(n):
    angle = tf.random.uniform((n, 1), maxval=6.2832)
    return tf.concat([tf.cos(angle), tf.sin(angle), 0.1 * tf.random.normal((n, 1))], axis=1)


history = []
for round_number in range(4):
    a, j = adversarial_update(ring(32))
    history.append((float(a), float(j)))
print(history)
