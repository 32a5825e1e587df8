import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import layers

keras.utils.set_random_seed(1039)

low_rank_a = layers.Dense(4, use_bias=False, name="low_rank_a")
low_rank_b = layers.Dense(24, use_bias=False, name="low_rank_b")
low_rank_b(low_rank_a(tf.zeros((1, 24))))  # creates the weights


def low_rank_mix(x):
    """x + B(A(x)): a cheap dense layer."""
    return x + low_rank_b(low_rank_a(x))


def build(n_features):
    inputs = keras.Input((n_features,), name="features")
    x = layers.Dense(24, activation="tanh", name="first")(inputs)
    x = low_rank_mix(x)
    x = layers.Activation("tanh")(x)
    return keras.Model(inputs, layers.Dense(1, name="last")(x), name="low_rank_net")


def friedman(n):
    rng = np.random.default_rng(39)
    x = rng.uniform(size=(n, 5)).astype("float32")
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return x, y[:, None] / 10.0


x, y = friedman(200)
net = build(5)
net.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse", metrics=["mae"])
stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=2)
history = net.fit(x, y, validation_split=0.2, epochs=3, batch_size=32, callbacks=[stop], verbose=0)
print("val_mae", [round(v, 4) for v in history.history["val_mae"]])
print("norm of the mix", float(tf.norm(low_rank_a.kernel)), "trainable", len(net.trainable_weights))
