import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(1034)


class QuantisedReLU(layers.Layer):
    """ReLU with `bits` bits between 0 and `ceiling`."""

    def __init__(self, bits=2, ceiling=4.0, **kwargs):
        super().__init__(**kwargs)
        self.ceiling = ceiling
        self.step = ceiling / (2**bits - 1)

    def call(self, x):
        clipped = ops.clip(x, 0.0, self.ceiling)
        return ops.round(clipped / self.step) * self.step

    def get_config(self):
        return {**super().get_config(), "ceiling": self.ceiling}


def build_classifier(width, classes):
    inputs = keras.Input((width,))
    x = layers.Dense(32, name="low_bit_1")(inputs)
    x = QuantisedReLU(name="quant_1")(x)
    outputs = layers.Dense(classes, activation="softmax", name="decision")(x)
    return keras.Model(inputs, outputs, name="low_bit")


rng = np.random.default_rng(34)
x = rng.normal(size=(160, 8)).astype("float32") * 2.0
y = np.argmax(x[:, :3] ** 2, axis=1)

model = build_classifier(8, 3)
model.compile(
    optimizer=keras.optimizers.Adam(1e-2),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
    jit_compile=True,
)
history = model.fit(x, y, epochs=3, batch_size=40, verbose=0)
for epoch, (loss, accuracy) in enumerate(zip(history.history["loss"], history.history["accuracy"])):
    print(f"epoch {epoch}: loss {loss:.4f}, accuracy {accuracy:.3f}")
