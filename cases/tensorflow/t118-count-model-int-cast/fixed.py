import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1018)


def visits_model(n_features):
    inputs = tf.keras.Input((n_features,))
    x = layers.Normalization(name="scaler")(inputs)
    x = layers.Dense(16, activation="relu", name="visits_hidden")(x)
    rate = layers.Dense(1, activation="softplus", name="visits_rate")(x)
    return tf.keras.Model(inputs, rate)


def to_counts(rate):
    return tf.cast(rate + 0.5, tf.int32)


def deviance(observed, predicted):
    observed, predicted = tf.cast(observed, tf.float32), tf.cast(predicted, tf.float32)
    ratio = (observed + 1e-3) / (predicted + 1e-3)
    return 2.0 * tf.reduce_mean(observed * tf.math.log(ratio) - (observed - predicted))


def simulate(n, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)).astype("float32")
    return x, rng.poisson(np.exp(0.4 * x[:, :1] + 0.5)).astype("int32")


x, visits = simulate(120)
model = visits_model(4)
model.get_layer("scaler").adapt(x)
optimizer = tf.keras.optimizers.Adam(5e-3)


@tf.function(reduce_retracing=True)
def step(features, observed):
    with tf.GradientTape() as tape:
        rate = model(features, training=True)
        loss = deviance(observed, rate)
    gradients = tape.gradient(loss, model.trainable_weights)
    optimizer.apply_gradients(zip(gradients, model.trainable_weights))
    return loss


for epoch in range(2):
    print(epoch, [round(float(step(x[i:i + 40], visits[i:i + 40])), 4) for i in range(0, 120, 40)])
print("first predictions", to_counts(model(x[:4])).numpy().ravel())
