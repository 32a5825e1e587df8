import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(1072)


class LoRADense(layers.Layer):
    def __init__(self, base, rank=3, alpha=6.0, **kwargs):
        super().__init__(**kwargs)
        self.base = base
        self.base.trainable = False
        self.rank, self.scaling = rank, alpha / rank

    def build(self, input_shape):
        n_in, n_out = self.base.kernel.shape
        self.lora_a = self.add_weight(shape=(n_in, self.rank), initializer="he_uniform", name="lora_a")
        self.lora_b = self.add_weight(shape=(self.rank, n_out), initializer="zeros", name="lora_b")

    def call(self, x):
        return self.base(x) + self.scaling * ops.matmul(ops.matmul(x, self.lora_a), self.lora_b)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.base.units)


def pretrained():
    inputs = keras.Input((8,))
    x = layers.Dense(24, activation="relu", name="pretrained_in")(inputs)
    model = keras.Model(inputs, layers.Dense(12, name="pretrained_out")(x))
    model.compile(optimizer="adam", loss="mse")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 8)).astype("float32")
    model.fit(x, np.tile(x[:, :4], (1, 3)), epochs=2, verbose=0)
    return model


def adapted(model, classes):
    inputs = keras.Input((8,))
    x = inputs
    for layer in model.layers[1:]:
        x = LoRADense(layer, name=f"adapted_{layer.name}")(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax", name="readout")(x))


rng = np.random.default_rng(72)
x = rng.normal(size=(96, 8)).astype("float32")
y = (x[:, 0] * x[:, 1] > 0).astype("int32")
model = adapted(pretrained(), 2)
model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, batch_size=24, epochs=3, verbose=0)
print("loss", [round(v, 4) for v in history.history["loss"]])
print("trainable", [w.path for w in model.trainable_weights])
