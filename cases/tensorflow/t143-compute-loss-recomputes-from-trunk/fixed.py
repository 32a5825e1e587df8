import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(1043)
CLASSES, MARGIN, SCALE = 4, 0.1, 10.0


class CosineHead(layers.Layer):
    """Cosine between the features and one learned direction per class."""

    def build(self, input_shape):
        shape = (input_shape[-1], CLASSES)
        self.directions = self.add_weight(shape=shape, initializer="glorot_uniform", name="directions")

    def call(self, features):
        return ops.matmul(ops.normalize(features, axis=-1), ops.normalize(self.directions, axis=0))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], CLASSES)


class MarginClassifier(keras.Model):
    def __init__(self):
        super().__init__(name="margin_classifier")
        stages = [layers.Dense(24, activation="relu"), layers.Dense(CLASSES, activation="tanh")]
        self.trunk = keras.Sequential(stages, name="trunk")
        self.cosine_head = CosineHead(name="cosine_head")

    def call(self, x):
        return self.cosine_head(self.trunk(x))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        wanted = ops.one_hot(y, CLASSES)
        logits = SCALE * (y_pred - MARGIN * wanted)
        return ops.mean(ops.categorical_crossentropy(wanted, logits, from_logits=True))


rng = np.random.default_rng(43)
labels = rng.integers(0, CLASSES, size=128)
points = (rng.normal(size=(CLASSES, 6))[labels] + 0.4 * rng.normal(size=(128, 6))).astype("float32")

model = MarginClassifier()
model.compile(optimizer=keras.optimizers.Adam(5e-3))
history = model.fit(points, labels, epochs=3, batch_size=32, verbose=0)
print("loss", [round(v, 4) for v in history.history["loss"]])
predicted = model.predict(points, verbose=0).argmax(axis=1)
print("accuracy", float(np.mean(predicted == labels)))
