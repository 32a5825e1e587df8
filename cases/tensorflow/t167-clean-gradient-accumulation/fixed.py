import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1067)
MICRO_BATCHES = 4


def convnet():
    return tf.keras.Sequential([
        tf.keras.Input((10, 10, 1)),
        layers.Conv2D(6, 3, activation="relu", name="acc_conv"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, name="acc_out"),
    ])


class AccumulatingTrainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = tf.keras.optimizers.Adam(1e-3)
        self.criterion = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.buffers = [tf.Variable(tf.zeros(v.shape), trainable=False) for v in model.trainable_variables]
        self.seen = tf.Variable(0, dtype=tf.int64, trainable=False)

    @tf.function
    def accumulate(self, x, y):
        with tf.GradientTape() as tape:
            loss = self.criterion(y, self.model(x, training=True)) / MICRO_BATCHES
            self.seen.assign_add(tf.shape(x, out_type=tf.int64)[0])
        for buffer, grad in zip(self.buffers, tape.gradient(loss, self.model.trainable_variables)):
            buffer.assign_add(grad)
        return loss

    @tf.function
    def apply(self):
        self.optimizer.apply_gradients(
            [(tf.clip_by_norm(buffer, 1.0), v) for buffer, v in zip(self.buffers, self.model.trainable_variables)]
        )
        for buffer in self.buffers:
            buffer.assign(tf.zeros_like(buffer))


rng = np.random.default_rng(67)
images = rng.uniform(size=(64, 10, 10, 1)).astype("float32")
labels = rng.integers(0, 3, size=64)
trainer = AccumulatingTrainer(convnet())
for i in range(8):
    part = slice(i * 8, i * 8 + 8)
    loss = trainer.accumulate(tf.constant(images[part]), tf.constant(labels[part]))
    if (i + 1) % MICRO_BATCHES == 0:
        trainer.apply()
        print("update after", int(trainer.seen), "samples, last loss", float(loss))
