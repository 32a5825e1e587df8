import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Model, layers

tf.keras.utils.set_random_seed(1048)


def detector(size=12):
    inputs = Input((size, size, 1))
    spine = layers.Conv2D(6, 3, padding="same", activation="relu", name="spine")(inputs)
    pooled = layers.GlobalAveragePooling2D()(spine)
    boxes = layers.Dense(4, activation="sigmoid", name="box_head")(pooled)
    masks = layers.Conv2D(1, 1, activation="sigmoid", name="mask_head")(spine)
    return Model(inputs, [boxes, masks], name="detector")


model = detector()
label_head = tf.keras.Sequential([Input((5,)), layers.Dense(2, name="label_head")])


def describe(boxes, masks):
    """Position of the object and its covered share, the input of the label head."""
    position = tf.stop_gradient(boxes)  # boxes come from a pretrained model
    covered = tf.cast(masks > 0.5, tf.float32)
    return tf.concat([position, tf.reduce_mean(covered, axis=(1, 2))], axis=1)


def loss_of(images, labels):
    boxes, masks = model(images, training=True)
    logits = label_head(describe(boxes, masks))
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


rng = np.random.default_rng(48)
images = rng.uniform(size=(32, 12, 12, 1)).astype("float32")
labels = rng.integers(0, 2, size=32)
variables = model.trainable_variables + label_head.trainable_variables
optimizer = tf.keras.optimizers.Adam(1e-2)
for step in range(3):
    with tf.GradientTape() as tape:
        loss = loss_of(tf.constant(images), tf.constant(labels))
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients([(g, v) for g, v in zip(gradients, variables) if g is not None])
    print("step", step, "loss", float(loss), "without gradient:", sum(g is None for g in gradients))
