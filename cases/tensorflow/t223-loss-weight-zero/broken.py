import numpy as np
import keras
from keras import layers

keras.utils.set_random_seed(45)
inp = keras.Input((6,))
h = layers.Dense(10, activation="relu", name="trunk")(inp)
main = layers.Dense(1, name="main")(h)
aux = layers.Dense(1, name="aux")(h)
model = keras.Model(inp, [main, aux])
model.compile(
    optimizer="adam",
    loss=["mse", "mae"],
    loss_weights=[1.0, 0.0],
)
x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
model.fit(x, [x[:, :1], x[:, 1:2]], epochs=2, batch_size=16, verbose=0)
print("done")
