import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1061)
STATE, ACTIONS, GAMMA = 4, 3, 0.95


def q_network(prefix):
    return Sequential([
        Input((STATE,)),
        layers.Dense(16, activation="relu", name=f"{prefix}_hidden"),
        layers.Dense(ACTIONS, name=f"{prefix}_values"),
    ])


class DoubleDQN:
    def __init__(self):
        self.online, self.target = q_network("online"), q_network("target")
        self.target.set_weights(self.online.get_weights())
        self.optimizer = tf.keras.optimizers.Adam(1e-3, clipnorm=10.0)
        self.huber = tf.keras.losses.Huber()

    def act(self, state, epsilon, rng):
        if rng.uniform() < epsilon:
            return int(rng.integers(ACTIONS))
        return int(np.argmax(self.online(state[None]).numpy()[0]))

    def learn(self, s, a, r, s2, done):
        with tf.GradientTape() as tape:
            best = tf.argmax(self.online(s2), axis=1)
            next_q = tf.gather(self.target(s2), best, batch_dims=1)
            wanted = r + GAMMA * (1.0 - done) * next_q
            q = tf.reduce_sum(self.online(s) * tf.one_hot(a, ACTIONS), axis=1)
            loss = self.huber(wanted, q)
        grads = tape.gradient(loss, self.online.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.online.trainable_variables))
        return float(loss)

    def sync(self):
        self.target.set_weights(self.online.get_weights())


rng = np.random.default_rng(7)
agent, replay, state = DoubleDQN(), [], np.zeros(STATE, dtype="float32")
for t in range(60):
    action = agent.act(state, epsilon=max(0.1, 1.0 - t / 40), rng=rng)
    following = (0.9 * state + 0.3 * rng.normal(size=STATE) + 0.1 * (action - 1)).astype("float32")
    replay.append((state, action, -float(np.abs(following).sum()), following, float(t % 20 == 19)))
    state = following
    if len(replay) >= 16 and t % 8 == 0:
        rows = [replay[i] for i in rng.choice(len(replay), 16)]
        s, a, r, s2, d = (np.array(column) for column in zip(*rows))
        print(t, "loss", agent.learn(s, a, r.astype("float32"), s2, d.astype("float32")))
    if t % 20 == 0:
        agent.sync()
