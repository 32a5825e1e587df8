import tensorflow as tf

tf.random.set_seed(28)


class Dense(tf.Module):
    def __init__(self, n_in, n_out, name=None):
        super().__init__(name=name)
        self.w = tf.Variable(tf.random.normal((n_in, n_out), stddev=0.3), name="w")
        self.b = tf.Variable(tf.zeros((n_out,)), name="b")

    def __call__(self, x):
        return x @ self.w + self.b


class HeadSet:
    """Plain container: one head per task."""

    def __init__(self, tasks, width):
        self.heads = {t: Dense(width, 1, name=f"head_{t}") for t in tasks}

    def __call__(self, task, h):
        return self.heads[task](h)


class MultiTask(tf.Module):
    def __init__(self, tasks):
        super().__init__(name="multi_task")
        self.stem = Dense(5, 8, name="stem")
        self.head_set = {t: Dense(8, 1, name=f"head_{t}") for t in tasks}

    def __call__(self, x, task):
        h = tf.nn.relu(self.stem(x))
        return self.head_set[task](h)


model = MultiTask(["price", "demand"])
opt = tf.keras.optimizers.SGD(0.05)
x = tf.random.normal((40, 5))
targets = {"price": x[:, :1], "demand": x[:, 1:2] ** 2}
for step in range(3):
    with tf.GradientTape() as tape:
        loss = tf.add_n([tf.reduce_mean(tf.square(model(x, t) - y)) for t, y in targets.items()])
    grads = tape.gradient(loss, model.trainable_variables)
    opt.apply_gradients(zip(grads, model.trainable_variables))
    print(step, float(loss), len(model.trainable_variables))
