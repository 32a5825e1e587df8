import numpy as np
import tf_keras as keras
from tf_keras import backend as K
from tf_keras import layers

keras.utils.set_random_seed(1038)
COSTS = np.array([1.0, 2.0, 5.0], dtype="float32")


def cost_sensitive_error(y_true, y_pred):
    """Mean cost of the misclassified samples."""
    sample_cost = K.sum(y_true * COSTS, axis=-1)
    wrong = 1.0 - K.sum(y_true * y_pred, axis=-1)
    return K.mean(wrong * sample_cost)


def error_rate(y_true, y_pred):
    different = K.not_equal(K.argmax(y_true, axis=-1), K.argmax(y_pred, axis=-1))
    return K.mean(K.cast(different, "float32"))


def gene_model(n_genes, n_classes):
    model = keras.Sequential(name="gene_model")
    model.add(layers.InputLayer((n_genes,)))
    model.add(layers.Dense(24, activation="relu", kernel_regularizer=None, name="gene_hidden"))
    model.add(layers.Dropout(0.25))
    model.add(layers.Dense(n_classes, activation="softmax", name="gene_class"))
    return model


rng = np.random.default_rng(38)
expression = rng.lognormal(size=(90, 15)).astype("float32")
classes = keras.utils.to_categorical(rng.integers(0, 3, size=90), 3)
model = gene_model(15, 3)
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=cost_sensitive_error, metrics=[error_rate])
history = model.fit(expression, classes, validation_split=0.2, epochs=2, batch_size=24, verbose=0)
print({key: [round(v, 4) for v in values] for key, values in history.history.items()})
