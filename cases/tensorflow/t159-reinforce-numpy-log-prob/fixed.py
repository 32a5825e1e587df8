import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1059)


class GridWorld:
    """Reach the right end of a line of seven cells."""

    def __init__(self, rng):
        self.rng = rng

    def reset(self):
        self.cell, self.steps = int(self.rng.integers(0, 3)), 0
        return self.observe()

    def observe(self):
        return tf.one_hot([self.cell], 7)

    def step(self, action):
        self.cell = int(np.clip(self.cell + (1 if action else -1), 0, 6))
        self.steps += 1
        return self.observe(), 1.0 if self.cell == 6 else -0.1, self.cell == 6 or self.steps >= 12


policy = tf.keras.Sequential([
    tf.keras.Input((7,)),
    layers.Dense(12, activation="tanh", name="pi_hidden"),
    layers.Dense(2, activation="softmax", name="pi_out"),
])
optimizer = tf.keras.optimizers.Adam(1e-2)


def episode_loss(env, gamma=0.97):
    log_probs, rewards, done = [], [], False
    state = env.reset()
    while not done:
        probabilities = policy(state)[0]
        action = int(tf.random.categorical(tf.math.log(probabilities[None]), 1)[0, 0])
        log_probs.append(tf.math.log(probabilities[action]))
        state, reward, done = env.step(action)
        rewards.append(reward)
    returns = np.array([sum(gamma ** k * r for k, r in enumerate(rewards[t:])) for t in range(len(rewards))])
    returns = ((returns - returns.mean()) / (returns.std() + 1e-6)).astype("float32")
    return -tf.reduce_sum(tf.stack(log_probs) * returns), sum(rewards)


env = GridWorld(np.random.default_rng(59))
for episode in range(3):
    with tf.GradientTape() as tape:
        loss, total = episode_loss(env)
    gradients = tape.gradient(loss, policy.trainable_variables)
    optimizer.apply_gradients(zip(gradients, policy.trainable_variables))
    print("episode", episode, "return", round(total, 2))
