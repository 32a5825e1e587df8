import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1087)


class TwoTasks(tf.keras.Model):
    def __init__(self):
        super().__init__(name="two_tasks")
        self.trunk = layers.GRU(10, name="trunk")
        self.translate_head = layers.Dense(6, name="translate_head")
        self.summarise_head = layers.Dense(1, name="summarise_head")

    def build(self, input_shape):
        self.trunk.build(input_shape)
        self.translate_head.build((None, 10))
        self.summarise_head.build((None, 10))

    def call(self, x, task):
        h = self.trunk(x)
        return self.translate_head(h) if task == "translate" else self.summarise_head(h)


def batch(rng, task):
    x = rng.normal(size=(16, 5, 3)).astype("float32")
    if task == "translate":
        return x, np.argmax(np.concatenate([x.mean(1), -x.mean(1)], axis=1), axis=1)
    return x, x.sum(axis=(1, 2), keepdims=True)[:, :, 0]


LOSSES = {
    "translate": tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "summarise": tf.keras.losses.MeanSquaredError(),
}
model = TwoTasks()
model.build((None, 5, 3))
optimizer = tf.keras.optimizers.Adam(3e-3)
optimizer.build(model.trainable_variables)
rng = np.random.default_rng(87)
for step in range(6):
    task = ("translate", "summarise")[step % 2]
    x, y = batch(rng, task)
    with tf.GradientTape() as tape:
        loss = LOSSES[task](y, model(x, task=task))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients([(g, v) for g, v in zip(grads, model.trainable_variables) if g is not None])
    print(step, task, float(loss))
