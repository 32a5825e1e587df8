import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1016)
OBS, ACT, GAMMA, TAU = 3, 2, 0.98, 0.01


def q_net(name):
    return Sequential([Input((OBS + ACT,)), layers.Dense(16, activation="relu"), layers.Dense(1)], name=name)


actor = Sequential([Input((OBS,)), layers.Dense(16, activation="relu"), layers.Dense(ACT, activation="tanh")], name="actor")
critics = [q_net("critic_a"), q_net("critic_b")]
targets = [q_net("target_critic_a"), q_net("target_critic_b")]
for target, critic in zip(targets, critics):
    target.set_weights(critic.get_weights())
critic_opt = tf.keras.optimizers.Adam(1e-3)


def variables_of(nets):
    return [v for net in nets for v in net.trainable_variables]


def backup(reward, next_obs):
    noise = tf.clip_by_value(tf.random.normal((len(next_obs), ACT), stddev=0.2), -0.5, 0.5)
    joint = tf.concat([next_obs, tf.clip_by_value(actor(next_obs) + noise, -1.0, 1.0)], axis=1)
    return reward + GAMMA * tf.minimum(targets[0](joint), targets[1](joint))


def critic_update(obs, act, reward, next_obs):
    wanted = backup(reward, next_obs)
    with tf.GradientTape() as tape:
        joint = tf.concat([obs, act], axis=1)
        loss = tf.add_n([tf.reduce_mean(tf.square(critic(joint) - wanted)) for critic in critics])
    gradients = tape.gradient(loss, variables_of(critics))
    critic_opt.apply_gradients(zip(gradients, variables_of(critics)))
    for target, critic in zip(targets, critics):
        for slow, fast in zip(target.variables, critic.variables):
            slow.assign((1.0 - TAU) * slow + TAU * fast)
    return float(loss)


rng = np.random.default_rng(4)
for update in range(3):
    obs = tf.constant(rng.normal(size=(24, OBS)), tf.float32)
    act = tf.constant(rng.uniform(-1, 1, size=(24, ACT)), tf.float32)
    reward = -tf.reduce_sum(tf.square(act - obs[:, :ACT]), axis=1, keepdims=True)
    print(update, critic_update(obs, act, reward, obs * 0.9))
