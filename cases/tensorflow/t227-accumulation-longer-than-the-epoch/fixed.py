import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(20)
ACCUM = 16
ACCUM = 4
net = tf.keras.Sequential([tf.keras.Input((5,)), layers.Dense(8, activation="relu"), layers.Dense(1)], name="net")
opt = tf.keras.optimizers.Adam(1e-3)
data = tf.data.Dataset.from_tensor_slices((tf.random.normal((64, 5)), tf.random.normal((64, 1)))).batch(8)

for epoch in range(2):
    accumulated = [tf.zeros_like(v) for v in net.trainable_variables]
    for step, (x, y) in enumerate(data):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(net(x) - y)) / ACCUM
        grads = tape.gradient(loss, net.trainable_variables)
        accumulated = [a + g for a, g in zip(accumulated, grads)]
        if (step + 1) % ACCUM == 0:
            opt.apply_gradients(zip(accumulated, net.trainable_variables))
            accumulated = [tf.zeros_like(v) for v in net.trainable_variables]
    print(epoch, float(loss))
