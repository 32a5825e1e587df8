import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(1005)

mapper = tf.keras.Sequential([
    tf.keras.Input((3,)),
    tf.keras.layers.Dense(12, activation="relu", name="mapper_hidden"),
    tf.keras.layers.Dense(2, name="mapper_out"),
])


def cost_matrix(points, anchors):
    """Squared distance of every mapped point to every anchor."""
    costs = np.zeros((len(points), len(anchors)), dtype="float32")
    for i, point in enumerate(points):
        for j, anchor in enumerate(anchors):
            costs[i, j] = tf.reduce_sum(tf.square(point - anchor))
    return tf.constant(costs)


def sinkhorn(costs, strength=0.5, rounds=5):
    log_plan = -costs / strength
    for _ in range(rounds):
        log_plan -= tf.reduce_logsumexp(log_plan, axis=0, keepdims=True)
        log_plan -= tf.reduce_logsumexp(log_plan, axis=1, keepdims=True)
    plan = tf.exp(log_plan)
    return tf.reduce_sum(plan * costs)


rng = np.random.default_rng(2)
cloud = tf.constant(rng.normal(size=(12, 3)), tf.float32)
anchors = tf.constant(rng.normal(size=(6, 2)), tf.float32)
optimizer = tf.keras.optimizers.SGD(0.05)

for step in range(3):
    with tf.GradientTape() as tape:
        mapped = mapper(cloud, training=True)
        transport = sinkhorn(cost_matrix(mapped, anchors))
    gradients = tape.gradient(transport, mapper.trainable_variables)
    gradients, norm = tf.clip_by_global_norm(gradients, 5.0)
    optimizer.apply_gradients(zip(gradients, mapper.trainable_variables))
    print("step", step, "transport cost", float(transport), "gradient norm", float(norm))
