import warnings

import numpy as np
import keras
from keras import layers

keras.utils.set_random_seed(1013)
warnings.filterwarnings("once")


def backbone():
    inputs = keras.Input((16, 16, 3))
    x = inputs
    for i, filters in enumerate((4, 8), start=1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{i}_conv")(x)
        x = layers.MaxPooling2D(name=f"block{i}_pool")(x)
    return keras.Model(inputs, x, name="backbone")


def with_head(base, classes):
    x = layers.GlobalAveragePooling2D()(base.output)
    return keras.Model(base.input, layers.Dense(classes, activation="softmax", name="classifier")(x), name="transfer")


def freeze(model, until=None):
    """Freeze every layer up to (not including) the one named `until`."""
    for layer in model.layers:
        if layer.name == until:
            break
        layer.trainable = False


rng = np.random.default_rng(1)
images = rng.uniform(size=(60, 16, 16, 3)).astype("float32")
labels = rng.integers(0, 3, size=60)

model = with_head(backbone(), classes=3)
freeze(model, until="predictions")
model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
start = [w.copy() for w in model.get_weights()]
history = model.fit(images, labels, batch_size=20, epochs=2, verbose=0)
print("loss", history.history["loss"])
print("largest change", max(float(np.abs(a - b).max()) for a, b in zip(model.get_weights(), start)))
