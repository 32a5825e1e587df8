import numpy as np
import tensorflow as tf
from tensorflow import keras

keras.utils.set_random_seed(1029)

meta_model = keras.Sequential([
    keras.Input((1,)),
    keras.layers.Dense(16, activation="tanh", name="meta_hidden"),
    keras.layers.Dense(1, name="meta_out"),
])
meta_optimizer = keras.optimizers.Adam(1e-3)


def mse(predicted, y):
    return tf.reduce_mean(tf.square(predicted - y))


def forward(weights, x):
    hidden = tf.tanh(tf.matmul(x, weights[0]) + weights[1])
    return tf.matmul(hidden, weights[2]) + weights[3]


def adapted(support_x, support_y, rate=0.1):
    """One step of gradient descent on the support set."""
    learner = keras.models.clone_model(meta_model)
    learner.set_weights(meta_model.get_weights())
    with tf.GradientTape() as inner:
        loss = mse(learner(support_x), support_y)
    gradients = inner.gradient(loss, learner.trainable_variables)
    for variable, gradient in zip(learner.trainable_variables, gradients):
        variable.assign_sub(rate * gradient)
    return learner


def tasks(rng, count):
    for _ in range(count):
        slope, offset = rng.uniform(-2, 2, size=2)
        x = rng.uniform(-1, 1, size=(16, 1)).astype("float32")
        y = (slope * x + offset).astype("float32")
        yield (x[:8], y[:8]), (x[8:], y[8:])


rng = np.random.default_rng(29)
for iteration in range(3):
    with tf.GradientTape() as outer:
        losses = []
        for support, query in tasks(rng, 2):
            learner = adapted(*support)
            losses.append(mse(learner(query[0]), query[1]))
        meta_loss = tf.add_n(losses)
    meta_gradients = outer.gradient(meta_loss, meta_model.trainable_variables)
    meta_optimizer.apply_gradients(zip(meta_gradients, meta_model.trainable_variables))
    print(iteration, float(meta_loss))
