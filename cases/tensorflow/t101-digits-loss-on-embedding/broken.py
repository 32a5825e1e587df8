import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1001)
CLASSES = 10


class DigitNet(tf.keras.Model):
    def __init__(self):
        super().__init__(name="digit_net")
        self.stem = layers.Conv2D(8, 3, activation="relu", name="stem")
        self.block = layers.Conv2D(CLASSES, 3, activation="relu", name="block")
        self.pool = layers.GlobalAveragePooling2D(name="pool")
        self.class_logits = layers.Dense(CLASSES, name="class_logits")

    def call(self, images, training=False):
        embedding = self.pool(self.block(self.stem(images)))
        return embedding, self.class_logits(embedding)


net = DigitNet()
optimizer = tf.keras.optimizers.Adam(2e-3)
criterion = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
train_loss = tf.keras.metrics.Mean(name="train_loss")
train_accuracy = tf.keras.metrics.SparseCategoricalAccuracy(name="train_accuracy")


@tf.function
def train_step(images, labels):
    with tf.GradientTape() as tape:
        outputs = net(images, training=True)
        loss = criterion(labels, outputs[0])
    gradients = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(gradients, net.trainable_variables))
    train_loss.update_state(loss)
    train_accuracy.update_state(labels, outputs[1])


rng = np.random.default_rng(0)
digits = rng.uniform(size=(64, 12, 12, 1)).astype("float32")
targets = rng.integers(0, CLASSES, size=64)
dataset = tf.data.Dataset.from_tensor_slices((digits, targets)).shuffle(64, seed=1).batch(16)

for epoch in range(2):
    train_loss.reset_state()
    train_accuracy.reset_state()
    for images, labels in dataset:
        train_step(images, labels)
    print(f"epoch {epoch} loss {train_loss.result():.4f} accuracy {train_accuracy.result():.3f}")
