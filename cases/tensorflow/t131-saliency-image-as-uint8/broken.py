import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1031)
MEAN = tf.constant([123.7, 116.8, 103.9])

network = tf.keras.Sequential([
    tf.keras.Input((24, 24, 3)),
    layers.Conv2D(8, 3, strides=2, activation="relu"),
    layers.Conv2D(8, 3, strides=2, activation="relu"),
    layers.GlobalAveragePooling2D(),
    layers.Dense(5),
], name="vgg_like")


def preprocess(image):
    """[0, 1] floats to mean-free 8-bit pixels, as the network was trained on."""
    pixels = tf.image.convert_image_dtype(image, tf.uint8)
    return tf.cast(pixels, tf.float32) - MEAN


def saliency(picture, label=None):
    with tf.GradientTape() as tape:
        tape.watch(picture)
        scores = network(preprocess(picture), training=False)
        if label is None:
            label = tf.argmax(scores[0]).numpy()
        target = scores[:, label]
    slope = tape.gradient(target, picture)
    print("gradient of shape", slope.shape)
    strength = tf.reduce_max(tf.abs(slope), axis=-1)[0]
    return (strength / tf.reduce_max(strength)).numpy()


pictures = tf.random.uniform((2, 24, 24, 3))
for index in range(len(pictures)):
    heat = saliency(pictures[index:index + 1])
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    print(f"picture {index}: strongest pixel at ({row}, {column})")
