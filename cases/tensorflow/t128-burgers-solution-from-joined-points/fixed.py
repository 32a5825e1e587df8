import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(1028)
VISCOSITY = 0.01 / np.pi

solution = tf.keras.Sequential([
    tf.keras.Input((2,)),
    tf.keras.layers.Dense(16, activation="tanh", name="burgers_1"),
    tf.keras.layers.Dense(16, activation="tanh", name="burgers_2"),
    tf.keras.layers.Dense(1, name="burgers_u"),
])


def residual(points):
    """u_t + u u_x - nu u_xx at the collocation points (t, x)."""
    when, where_x = points[:, :1], points[:, 1:]
    with tf.GradientTape() as second:
        second.watch(where_x)
        with tf.GradientTape(persistent=True) as first:
            first.watch([when, where_x])
            u = solution(tf.concat([when, where_x], axis=1))
        u_t = first.gradient(u, when)
        u_x = first.gradient(u, where_x)
        transport = u * u_x
    u_xx = second.gradient(u_x, where_x)
    return u_t + transport - VISCOSITY * u_xx


def initial_error(n=32):
    x = tf.linspace(-1.0, 1.0, n)[:, None]
    return solution(tf.concat([tf.zeros_like(x), x], axis=1)) + tf.sin(np.pi * x)


optimizer = tf.keras.optimizers.Adam(2e-3)
collocation = tf.random.uniform((64, 2), minval=[0.0, -1.0], maxval=[1.0, 1.0])
for step in range(3):
    with tf.GradientTape() as tape:
        physics = tf.reduce_mean(tf.square(residual(collocation)))
        data = tf.reduce_mean(tf.square(initial_error()))
        loss = physics + data
    grads = tape.gradient(loss, solution.trainable_variables)
    optimizer.apply_gradients(zip(grads, solution.trainable_variables))
    print(step, "physics", float(physics), "initial", float(data))
