import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(1006)


@keras.saving.register_keras_serializable()
class F1Loss(keras.losses.Loss):
    def __init__(self, threshold=0.5, **kwargs):
        super().__init__(**kwargs)
        self.threshold = threshold

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, "float32")
        tp = ops.sum(y_true * y_pred, axis=0)
        fp = ops.sum((1.0 - y_true) * y_pred, axis=0)
        fn = ops.sum(y_true * (1.0 - y_pred), axis=0)
        f1 = 2.0 * tp / (2.0 * tp + fp + fn + 1e-6)
        return 1.0 - ops.mean(f1)


def build(n_features, n_labels):
    inputs = keras.Input((n_features,))
    x = layers.Dense(32, activation="relu", name="label_hidden")(inputs)
    x = layers.Dropout(0.2)(x)
    return keras.Model(inputs, layers.Dense(n_labels, activation="sigmoid", name="label_out")(x))


rng = np.random.default_rng(4)
x = rng.normal(size=(128, 9)).astype("float32")
y = (x[:, :4] + 0.3 * rng.normal(size=(128, 4)) > 0.2).astype("int32")

model = build(9, 4)
model.compile(optimizer="adam", loss=F1Loss(), metrics=[keras.metrics.BinaryAccuracy()])
model.fit(x, y, batch_size=32, epochs=2, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
print(model.evaluate(x, y, verbose=0))
