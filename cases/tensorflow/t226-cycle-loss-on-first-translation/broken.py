import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(46)


def net(name, out, act=None):
    return tf.keras.Sequential([tf.keras.Input((8, 8, 1)), layers.Conv2D(6, 3, padding="same", activation="relu"), layers.Conv2D(out, 3, padding="same", activation=act)], name=name)


gen_g, gen_f = net("gen_g", 1), net("gen_f", 1)
disc_y = net("disc_y", 1)
g_opt, f_opt = tf.keras.optimizers.Adam(2e-4), tf.keras.optimizers.Adam(2e-4)


@tf.function
def train_step(real_x, real_y):
    with tf.GradientTape(persistent=True) as tape:
        fake_y = gen_g(real_x, training=True)
        cycled_x = gen_f(fake_y, training=True)
        cycle = tf.reduce_mean(tf.abs(real_x - fake_y))
        adv = tf.reduce_mean(tf.square(disc_y(fake_y) - 1.0))
        total = adv + 10.0 * cycle
    g_opt.apply_gradients(zip(tape.gradient(total, gen_g.trainable_variables), gen_g.trainable_variables))
    f_grads = tape.gradient(total, gen_f.trainable_variables)
    f_opt.apply_gradients([(g, v) for g, v in zip(f_grads, gen_f.trainable_variables) if g is not None] or [(tf.zeros_like(v), v) for v in gen_f.trainable_variables])
    return total


for i in range(2):
    print(i, float(train_step(tf.random.uniform((4, 8, 8, 1)), tf.random.uniform((4, 8, 8, 1)))))
