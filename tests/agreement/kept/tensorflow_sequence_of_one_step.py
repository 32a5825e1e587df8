import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.layers.Dense(4, activation="tanh"),
        keras.layers.Reshape((1, 4)),
        keras.layers.LSTM(4),
        keras.layers.Dense(1),
    ]
)
optimizer = keras.optimizers.Adam(0.01)
x = tf.random.normal((6, 4))
y = tf.random.uniform((6, 1))
for _ in range(6):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
