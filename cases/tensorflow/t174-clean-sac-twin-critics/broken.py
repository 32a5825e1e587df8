import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1074)
OBS, ACT = 3, 2


def mlp(name, n_in, n_out):
    return Sequential([Input((n_in,)), layers.Dense(16, activation="relu"), layers.Dense(n_out)], name=name)


actor = mlp("sac_actor", OBS, 2 * ACT)
critics = [mlp("critic_one", OBS + ACT, 1), mlp("critic_two", OBS + ACT, 1)]
slow = [mlp("slow_one", OBS + ACT, 1), mlp("slow_two", OBS + ACT, 1)]
for copy, net in zip(slow, critics):
    copy.set_weights(net.get_weights())
log_alpha = tf.Variable(0.0, name="log_alpha")
actor_opt, critic_opt, alpha_opt = (tf.keras.optimizers.Adam(3e-4) for _ in range(3))


def act(obs):
    mean, log_std = tf.split(actor(obs), 2, axis=1)
    std = tf.exp(tf.clip_by_value(log_std, -5.0, 2.0))
    raw = mean + std * tf.random.normal(tf.shape(mean))
    log_prob = -0.5 * tf.square((raw - mean) / std) - tf.math.log(std) - 0.919
    squashed = tf.tanh(raw)
    return squashed, tf.reduce_sum(log_prob - tf.math.log(1.0 - squashed**2 + 1e-6), axis=1, keepdims=True)


def lowest(nets, obs, action):
    joint = tf.concat([obs, action], axis=1)
    return tf.minimum(nets[0](joint), nets[1](joint))


@tf.function
def update(obs, action, reward, following):
    next_action, next_log_prob = act(following)
    wanted = reward + 0.97 * (lowest(slow, following, next_action) - tf.exp(log_alpha) * next_log_prob)
    with tf.GradientTape() as tape:
        joint = tf.concat([obs, action], axis=1)
        critic_loss = tf.add_n([tf.reduce_mean(tf.square(net(joint) - wanted)) for net in critics])
    variables = critics[0].trainable_variables + critics[1].trainable_variables
    critic_opt.apply_gradients(zip(tape.gradient(critic_loss, variables), variables))
    with tf.GradientTape() as tape:
        fresh, log_prob = act(obs)
        actor_loss = tf.reduce_mean(tf.stop_gradient(tf.exp(log_alpha)) * log_prob - lowest(critics, obs, fresh))
    actor_opt.apply_gradients(zip(tape.gradient(actor_loss, actor.trainable_variables), actor.trainable_variables))
    with tf.GradientTape() as tape:
        alpha_loss = -tf.reduce_mean(log_alpha * tf.stop_gradient(log_prob - ACT))
    alpha_opt.apply_gradients([(tape.gradient(alpha_loss, log_alpha), log_alpha)])
    for copy, net in zip(slow, critics):
        for old, new in zip(copy.variables, net.variables):
            old.assign(0.99 * old + 0.01 * new)
    return critic_loss, actor_loss, alpha_loss


rng = np.random.default_rng(74)
for step in range(3):
    obs = rng.normal(size=(32, OBS)).astype("float32")
    action = act(tf.constant(obs))[0].numpy()
    reward = -np.abs(action - obs[:, :ACT]).sum(axis=1, keepdims=True)
    losses = update(*[tf.constant(v) for v in (obs, action, reward, 0.9 * obs)])
    print(step, [round(float(v), 4) for v in losses])
