import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1057)
SAMPLES, DIM, TEMPERATURE = 48, 6, 0.2

instance_encoder = Sequential(
    [Input((10,)), layers.Dense(16, activation="relu"), layers.Dense(DIM)], name="instance_encoder"
)
start = tf.math.l2_normalize(tf.random.normal((SAMPLES, DIM)), axis=1)
bank = tf.Variable(start, trainable=False, name="memory_bank")
optimizer = tf.keras.optimizers.SGD(0.1, momentum=0.9)


def remember(indices, embeddings, keep=0.5):
    old = tf.gather(bank, indices)
    mixed = tf.math.l2_normalize(keep * old + (1.0 - keep) * embeddings, axis=1)
    bank.scatter_nd_update(indices[:, None], mixed)


def instance_loss(indices, inputs):
    embeddings = tf.math.l2_normalize(instance_encoder(inputs, training=True), axis=1)
    scores = tf.matmul(embeddings, tf.convert_to_tensor(bank), transpose_b=True) / TEMPERATURE
    remember(indices, embeddings)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(indices, scores))


def augment(rng, x):
    return (x + 0.1 * rng.normal(size=x.shape)).astype("float32")


rng = np.random.default_rng(57)
data = rng.normal(size=(SAMPLES, 10))
for epoch in range(2):
    order = rng.permutation(SAMPLES).astype("int32")
    for chunk in np.split(order, 3):
        with tf.GradientTape() as tape:
            loss = instance_loss(tf.constant(chunk), tf.constant(augment(rng, data[chunk])))
        gradients = tape.gradient(loss, instance_encoder.trainable_variables)
        optimizer.apply_gradients(zip(gradients, instance_encoder.trainable_variables))
    print("epoch", epoch, "loss", float(loss))
