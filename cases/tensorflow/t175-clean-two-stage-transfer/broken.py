import numpy as np
import keras
from keras import layers

keras.utils.set_random_seed(1075)


def leaf_backbone():
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(6, 3, use_bias=False, name="leaf_conv1")(inputs)
    x = layers.BatchNormalization(name="leaf_norm1")(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(8, 3, use_bias=False, name="leaf_conv2")(x)
    x = layers.BatchNormalization(name="leaf_norm2")(x)
    x = layers.ReLU()(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x), name="leaf_backbone")


def transfer_model(base, kinds):
    inputs = keras.Input((12, 12, 3))
    x = layers.Rescaling(2.0, offset=-1.0)(inputs)
    x = base(x, training=False)
    x = layers.Dropout(0.2)(x)
    return keras.Model(inputs, layers.Dense(kinds, activation="softmax", name="kind")(x))


def compile_with(model, rate):
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])


rng = np.random.default_rng(75)
leaves = rng.uniform(size=(64, 12, 12, 3)).astype("float32")
kinds = (leaves[:, :, :, 1].mean(axis=(1, 2)) > 0.5).astype("int32")

base = leaf_backbone()
model = transfer_model(base, 2)

base.trainable = False
compile_with(model, 1e-2)
print("stage 1", model.fit(leaves, kinds, batch_size=16, epochs=2, verbose=0).history["loss"])

base.trainable = True
for layer in base.layers:
    if isinstance(layer, layers.BatchNormalization):
        layer.trainable = False
compile_with(model, 1e-4)
print("stage 2", model.fit(leaves, kinds, batch_size=16, epochs=2, verbose=0).history["loss"])
print("trained in stage 2:", [w.path for w in model.trainable_weights])
