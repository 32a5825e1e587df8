import numpy as np
import tensorflow as tf

tf.random.set_seed(1088)
INNER_RATE, TASKS = 0.05, 3

sizes = [1, 16, 16, 1]
meta = []
for i, (n_in, n_out) in enumerate(zip(sizes[:-1], sizes[1:])):
    meta.append(tf.Variable(tf.random.normal((n_in, n_out)) / n_in**0.5, name=f"fast_w{i}"))
    meta.append(tf.Variable(tf.zeros((n_out,)), name=f"fast_b{i}"))


def predict(weights, x):
    for i in range(0, len(weights) - 2, 2):
        x = tf.tanh(tf.matmul(x, weights[i]) + weights[i + 1])
    return tf.matmul(x, weights[-2]) + weights[-1]


def error(weights, data):
    return tf.reduce_mean(tf.square(predict(weights, data[0]) - data[1]))


def adapt(weights, support, turns=2):
    for _ in range(turns):
        with tf.GradientTape() as inner:
            inner.watch(weights)
            loss = error(weights, support)
        slopes = inner.gradient(loss, weights)
        weights = [w - INNER_RATE * slope for w, slope in zip(weights, slopes)]
    return weights


def sample_task(rng):
    phase, height = rng.uniform(0, 3.1), rng.uniform(0.5, 2.0)
    x = rng.uniform(-3, 3, size=(16, 1)).astype("float32")
    y = (height * np.sin(x + phase)).astype("float32")
    return (x[:8], y[:8]), (x[8:], y[8:])


rng = np.random.default_rng(88)
optimizer = tf.keras.optimizers.Adam(3e-3)
for iteration in range(3):
    with tf.GradientTape() as outer:
        total = 0.0
        for _ in range(TASKS):
            support, query = sample_task(rng)
            fast = adapt([tf.convert_to_tensor(v) for v in meta], support)
            total += error(fast, query) / TASKS
    gradients = outer.gradient(total, meta)
    optimizer.apply_gradients(zip(gradients, meta))
    print(iteration, "query error", float(total))
