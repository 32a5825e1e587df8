"""A model with two heads and a loss for one of them: `pred` is the head of interest, and the other one learns."""

import keras
import tensorflow as tf

keras.utils.set_random_seed(0)
x_train = tf.random.normal((64, 3))
y_train = tf.reduce_sum(x_train, axis=1, keepdims=True)

inputs = keras.Input((3,))
hidden = keras.layers.Dense(10, activation="tanh", name="hidden")(inputs)
pred = keras.layers.Dense(1, name="pred")(hidden)
spread = keras.layers.Dense(1, activation="softplus", name="spread")(hidden)
model = keras.Model(inputs, [pred, spread], name="regressor")
optimizer = keras.optimizers.Adam(0.01)

for step in range(10):
    with tf.GradientTape() as tape:
        predictions, spreads = model(x_train)
        loss = tf.reduce_mean(tf.square(spreads - y_train))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))

print(f"loss after the last step: {float(loss):.3f}")
