import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(100)


class MaskedMean(layers.Layer):
    def call(self, x, mask):
        m = ops.cast(mask, x.dtype)[..., None]
        return ops.sum(x * m, axis=1) / ops.maximum(ops.sum(m, axis=1), 1.0)


ids = keras.Input((5,), dtype="int32")
h = layers.Embedding(20, 6, name="tok")(ids)
h = MaskedMean()(h, ops.not_equal(ids, 0))
model = keras.Model(ids, layers.Dense(1, name="head")(h))
model.compile("adam", "mse")
rng = np.random.default_rng(0)
x = rng.integers(0, 20, (64, 5))
x[::9] = 0
print(model.fit(x, rng.normal(size=(64, 1)).astype("float32"), epochs=2, batch_size=16, verbose=0).history["loss"])
