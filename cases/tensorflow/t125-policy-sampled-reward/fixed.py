import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1025)
ARMS = 4


class Policy(tf.keras.Model):
    def __init__(self):
        super().__init__(name="policy")
        self.context_net = Sequential([Input((5,)), layers.Dense(12, activation="relu")], name="context_net")
        self.arm_scores = layers.Dense(ARMS, name="arm_scores")

    def call(self, contexts):
        return self.arm_scores(self.context_net(contexts))


def pull(reward_table, arms):
    return tf.gather(reward_table, arms, batch_dims=1)


def surrogate(policy, contexts, reward_table):
    logits = policy(contexts)
    arms = tf.random.categorical(logits, 1)[:, 0]
    rewards = pull(reward_table, arms)
    log_prob = -tf.nn.sparse_softmax_cross_entropy_with_logits(arms, logits)
    return -tf.reduce_mean(rewards * log_prob)


rng = np.random.default_rng(25)
policy = Policy()
optimizer = tf.keras.optimizers.Adam(1e-2)
regret = []
for round_number in range(4):
    contexts = rng.normal(size=(32, 5)).astype("float32")
    table = np.maximum(contexts[:, :ARMS], 0.0)
    with tf.GradientTape() as tape:
        loss = surrogate(policy, tf.constant(contexts), tf.constant(table))
    gradients = tape.gradient(loss, policy.trainable_variables)
    optimizer.apply_gradients(zip(gradients, policy.trainable_variables))
    greedy = tf.argmax(policy(contexts), axis=1).numpy()
    regret.append(float(np.mean(table.max(1) - table[np.arange(32), greedy])))
print("regret", np.round(regret, 3))
