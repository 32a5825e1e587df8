import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(1008)


class ResidualBlock(layers.Layer):
    def __init__(self, filters, use_se=False, **kwargs):
        super().__init__(**kwargs)
        self.use_se = use_se
        self.conv_a = layers.Conv2D(filters, 3, padding="same", activation="relu", name="conv_a")
        self.conv_b = layers.Conv2D(filters, 3, padding="same", name="conv_b")
        self.se_reduce = layers.Dense(filters // 2, activation="relu", name="se_reduce")
        self.se_expand = layers.Dense(filters, activation="sigmoid", name="se_expand")
        self.filters = filters

    def build(self, input_shape):
        self.conv_a.build(input_shape)
        self.conv_b.build(input_shape)
        self.se_reduce.build((None, self.filters))
        self.se_expand.build((None, self.filters // 2))

    def call(self, x):
        y = self.conv_b(self.conv_a(x))
        if self.use_se:
            gate = self.se_expand(self.se_reduce(ops.mean(y, axis=(1, 2))))
            y = y * gate[:, None, None, :]
        return ops.relu(x + y)


class SeNet(keras.Model):
    def __init__(self, filters=6, depth=2, use_se=True):
        super().__init__()
        self.stem = layers.Conv2D(filters, 3, padding="same", name="stem")
        self.blocks = [ResidualBlock(filters, name=f"block{i}") for i in range(depth)]
        self.pool = layers.GlobalAveragePooling2D()
        self.classes = layers.Dense(3, activation="softmax", name="classes")

    def call(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.classes(self.pool(x))


rng = np.random.default_rng(6)
images = rng.uniform(size=(48, 8, 8, 2)).astype("float32")
labels = rng.integers(0, 3, size=48)
model = SeNet()
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(images, labels, batch_size=16, epochs=2, verbose=0)
print(history.history)
