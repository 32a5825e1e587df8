import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1080)

net = tf.keras.Sequential([
    tf.keras.Input((5,)),
    layers.Dense(8, activation="softplus", name="gene_weights_in"),
    layers.Dense(3, name="gene_weights_out"),
])


def saliency(x, label):
    with tf.GradientTape() as tape:
        tape.watch(x)
        score = tf.gather(net(x), label, batch_dims=1)
    return tf.abs(tape.gradient(score, x))


def integrated_gradients(x, label, turns=8):
    baseline = tf.zeros_like(x)
    total = tf.zeros_like(x)
    for share in np.linspace(0.0, 1.0, turns):
        point = baseline + float(share) * (x - baseline)
        with tf.GradientTape() as tape:
            tape.watch(point)
            score = tf.nn.softmax(net(point))[:, label]
        total += tape.gradient(score, point) / turns
    return (x - baseline) * total


def input_jacobian(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = net(x)
    return tape.batch_jacobian(logits, x)


def hessian(x, y):
    kernel = net.layers[-1].kernel.value
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, net(x)))
        slope = inner.gradient(loss, kernel)
    return tf.reshape(outer.jacobian(slope, kernel), (24, 24))


rng = np.random.default_rng(80)
genes = tf.constant(rng.normal(size=(6, 5)), tf.float32)
winner = tf.argmax(net(genes), axis=1)
print("saliency", saliency(genes, winner).numpy().mean(axis=0).round(4))
print("integrated", integrated_gradients(genes, 1).numpy().mean(axis=0).round(4))
print("jacobian", input_jacobian(genes).shape)
curvature = hessian(genes, winner)
print("largest eigenvalue", float(tf.reduce_max(tf.linalg.eigvalsh(0.5 * (curvature + tf.transpose(curvature))))))
