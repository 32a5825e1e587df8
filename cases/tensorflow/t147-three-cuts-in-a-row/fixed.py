import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1047)


class QuoteNet(tf.keras.Model):
    def __init__(self):
        super().__init__(name="quote_net")
        self.hidden = layers.Dense(16, activation="relu", name="quote_hidden")
        self.price = layers.Dense(1, activation="softplus", name="quote_price")

    def call(self, features):
        return self.price(self.hidden(features))


def to_cents(prices):
    return tf.round(prices * 100.0) / 100.0


def publish(prices):
    """What the customer sees."""
    return tf.stop_gradient(to_cents(prices))


def with_tax(prices, rate=0.19):
    gross = np.asarray(prices) * (1.0 + rate)
    return tf.convert_to_tensor(gross, tf.float32)


def evaluate(net, features, gross):
    return float(tf.reduce_mean(tf.abs(with_tax(publish(net(features))) - gross)))


rng = np.random.default_rng(47)
features = rng.uniform(size=(80, 4)).astype("float32")
gross = (1.19 * (1.0 + features @ np.array([[2.0], [0.5], [1.0], [0.0]]))).astype("float32")
net, optimizer = QuoteNet(), tf.keras.optimizers.Adam(1e-2)
for epoch in range(2):
    for i in range(0, 80, 20):
        x, y = tf.constant(features[i:i + 20]), tf.constant(gross[i:i + 20])
        with tf.GradientTape() as tape:
            predicted = net(x) * 1.19
            loss = tf.reduce_mean(tf.square(predicted - y))
        gradients = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(gradients, net.trainable_variables))
    print("epoch", epoch, "mean error", evaluate(net, features, gross))
