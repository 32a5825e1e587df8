import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1037)


class ReviewNet(tf.keras.Model):
    def __init__(self, vocab=60, topics=4):
        super().__init__(name="review_net")
        self.embed = layers.Embedding(vocab, 10, name="shared_text_embed")
        self.encode = layers.Bidirectional(layers.LSTM(6), name="shared_text_lstm")
        self.topic_head = layers.Dense(topics, name="topic_head")
        self.stars_head = layers.Dense(1, name="stars_head")

    def call(self, tokens):
        h = self.encode(self.embed(tokens))
        return {"topic": self.topic_head(h), "stars": self.stars_head(h)}


def losses_of(outputs, topic, stars):
    return {
        "topic": tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(topic, outputs["topic"])),
        "stars": tf.reduce_mean(tf.square(outputs["stars"][:, 0] - stars)),
    }


def total_loss(losses, weights):
    return tf.add_n([weights[name] * losses[name] for name in weights])


def clipped(gradients, limit=1.0):
    return [tf.clip_by_norm(gradient, limit) for gradient in gradients]


rng = np.random.default_rng(37)
tokens = tf.constant(rng.integers(0, 60, size=(40, 7)))
topic = tf.constant(rng.integers(0, 4, size=40))
stars = tf.constant(rng.integers(1, 6, size=40), tf.float32)
task_weights = {"topic": 1.0}

net = ReviewNet()
optimizer = tf.keras.optimizers.Adagrad(0.05)
for step in range(3):
    with tf.GradientTape() as tape:
        losses = losses_of(net(tokens, training=True), topic, stars)
        loss = total_loss(losses, task_weights)
    gradients = clipped(tape.gradient(loss, net.trainable_variables))
    optimizer.apply_gradients(zip(gradients, net.trainable_variables))
    print(step, {name: round(float(value), 4) for name, value in losses.items()})
