import numpy as np
import keras
from keras import layers

keras.utils.set_random_seed(1040)


def separable_block(filters, index):
    """Depthwise then pointwise convolution."""
    depth = layers.DepthwiseConv2D(3, padding="same", name=f"depth_conv{index}")
    point = layers.Conv2D(filters, 1, activation="relu", name=f"point_conv{index}")

    return keras.Sequential([depth, point], name=f"separable{index}")


class MobileGrader(keras.Model):
    def __init__(self, filters=(6, 8), grades=3):
        super().__init__(name="mobile_grader")
        self.entry_conv = layers.Conv2D(4, 3, strides=2, activation="relu", name="entry_conv")
        self.blocks = [separable_block(f, i) for i, f in enumerate(filters)]
        self.pool = layers.GlobalAveragePooling2D(name="pool")
        self.grade = layers.Dense(grades, activation="softmax", name="grade")

    def call(self, images):
        x = self.entry_conv(images)
        for block in self.blocks:
            x = block(x)
        return self.grade(self.pool(x))


rng = np.random.default_rng(40)
leaves = rng.uniform(size=(72, 14, 14, 3)).astype("float32")
grades = rng.integers(0, 3, size=72)

grader = MobileGrader()
grader.compile(
    optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy"],
)
history = grader.fit(leaves, grades, epochs=2, batch_size=24, verbose=0)
print("loss", history.history["loss"], "accuracy", history.history["accuracy"])
print("weights in the model:", [w.path for w in grader.trainable_weights])
