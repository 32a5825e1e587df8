import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1012)


def convnet(filters, name):
    return Sequential([
        Input((10, 10, 1)),
        layers.Conv2D(filters, 3, activation="relu"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(4),
    ], name=name)


teacher, student = convnet(16, "teacher"), convnet(4, "student")
optimizer = tf.keras.optimizers.Adam(1e-3)
divergence = tf.keras.losses.KLDivergence()


def softened(logits, temperature=2.0):
    return tf.nn.softmax(logits / temperature)


def distill(images):
    with tf.GradientTape() as tape:
        with tape.stop_recording():
            targets = softened(teacher(images, training=False))
            guess = softened(student(images, training=True))
        loss = divergence(targets, guess)
    gradients = tape.gradient(loss, student.trainable_variables)
    optimizer.apply_gradients(zip(gradients, student.trainable_variables))
    return loss


rng = np.random.default_rng(5)
pictures = rng.uniform(size=(40, 10, 10, 1)).astype("float32")
for epoch in range(2):
    order = rng.permutation(len(pictures))
    running = 0.0
    for start in range(0, len(pictures), 20):
        running += float(distill(tf.constant(pictures[order[start:start + 20]])))
    print(f"epoch {epoch}: {running / 2:.5f}")
agreement = np.mean(teacher.predict(pictures, verbose=0).argmax(1) == student.predict(pictures, verbose=0).argmax(1))
print("agreement", agreement)
