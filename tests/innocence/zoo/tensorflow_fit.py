"""A recurrent classifier by `fit`, with a callback and a validation split."""

import keras
import numpy as np
from witness import testify

keras.utils.set_random_seed(0)
layers = keras.layers
model = keras.Sequential([keras.Input((6,)), layers.Embedding(20, 8), layers.GRU(8), layers.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
x, y = np.random.randint(0, 20, (64, 6)), np.random.randint(0, 3, 64)
past = model.fit(x, y, epochs=4, batch_size=16, validation_split=0.25, verbose=0)
print({name: [repr(float(value)) for value in values] for name, values in past.history.items()})
testify(model.variables)
