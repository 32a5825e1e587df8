import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1033)
GAMMA = 0.9


class ActorCritic(tf.keras.Model):
    def __init__(self, n_actions):
        super().__init__(name="actor_critic")
        self.torso = layers.Dense(24, activation="relu", name="torso")
        self.policy_head = layers.Dense(n_actions, name="policy_head")
        self.value_head = layers.Dense(1, name="value_head")

    def call(self, obs):
        h = self.torso(obs)
        return self.policy_head(h), self.value_head(h)[:, 0]


def returns_of(rewards):
    out, running = [], 0.0
    for reward in rewards[::-1]:
        running = reward + GAMMA * running
        out.append(running)
    return np.array(out[::-1], dtype="float32")


def rollout(model, rng, steps=16):
    obs = rng.normal(size=(steps, 3)).astype("float32")
    logits, _ = model(obs)
    actions = tf.random.categorical(logits, 1)[:, 0].numpy()
    rewards = (obs[:, 0] > 0) == (actions == 1)
    return obs, actions, returns_of(rewards.astype("float32"))


def update(model, optimizer, obs, actions, returns):
    with tf.GradientTape() as tape:
        logits, values = model(obs)
        advantage = tf.stop_gradient(returns - values)
        neg_log_prob = tf.nn.sparse_softmax_cross_entropy_with_logits(actions, logits)
        actor_loss = tf.reduce_mean(neg_log_prob * advantage)
        critic_loss = tf.reduce_mean(tf.square(returns - values))
        entropy = tf.reduce_mean(tf.reduce_sum(-tf.nn.softmax(logits) * tf.nn.log_softmax(logits), axis=1))
        loss = actor_loss - 0.01 * entropy
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return {"actor": float(actor_loss), "critic": float(critic_loss), "entropy": float(entropy)}


rng = np.random.default_rng(33)
agent, optimizer = ActorCritic(2), tf.keras.optimizers.Adam(3e-3)
for episode in range(4):
    print(episode, update(agent, optimizer, *rollout(agent, rng)))
