import numpy as np
import tensorflow as tf

tf.random.set_seed(1079)


class Linear(tf.Module):
    def __init__(self, n_in, n_out, name):
        super().__init__(name=name)
        scale = (2.0 / n_in) ** 0.5
        self.w = tf.Variable(tf.random.normal((n_in, n_out), stddev=scale), name=f"{name}_w")
        self.b = tf.Variable(tf.zeros((n_out,)), name=f"{name}_b")

    def __call__(self, x):
        return tf.matmul(x, self.w) + self.b


class Net(tf.Module):
    def __init__(self):
        super().__init__(name="net")
        self.bottom, self.middle, self.top = Linear(6, 16, "bottom"), Linear(16, 8, "middle"), Linear(8, 1, "top")
        self.calls = tf.Variable(0, trainable=False, name="calls")

    def __call__(self, x):
        self.calls.assign_add(1)
        return self.top(tf.nn.elu(self.middle(tf.nn.elu(self.bottom(x)))))

    def penalty(self):
        return tf.add_n([tf.nn.l2_loss(layer.w) for layer in (self.bottom, self.middle, self.top)])


RATES = {"bottom": 1e-3, "middle": 3e-3, "top": 1e-2}
net = Net()
optimizers = {name: tf.keras.optimizers.Adam(rate) for name, rate in RATES.items()}


def update(x, y):
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_mean(tf.square(net(x) - y)) + 1e-4 * net.penalty()
    report = {}
    for name, optimizer in optimizers.items():
        layer = getattr(net, name)
        grads = tape.gradient(loss, {"w": layer.w, "b": layer.b})
        optimizer.apply_gradients([(grads["w"], layer.w), (grads["b"], layer.b)])
        report[name] = round(float(tf.norm(grads["w"])), 4)
    only_penalty = tape.gradient(loss, net.top.w, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    del tape
    return float(loss), report, float(tf.norm(only_penalty))


rng = np.random.default_rng(79)
x = tf.constant(rng.normal(size=(48, 6)), tf.float32)
y = tf.sin(x[:, :1]) + x[:, 1:2] ** 2
for step in range(3):
    print(step, *update(x, y))
print("forward passes", int(net.calls))
