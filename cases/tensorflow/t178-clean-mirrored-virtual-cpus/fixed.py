import numpy as np
import tensorflow as tf

devices = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(devices[0], [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
tf.keras.utils.set_random_seed(1078)
GLOBAL_BATCH = 16

with strategy.scope():
    model = tf.keras.Sequential([
        tf.keras.Input((4,)),
        tf.keras.layers.Dense(12, activation="relu", name="replica_hidden"),
        tf.keras.layers.Dense(1, name="replica_out"),
    ])
    optimizer = tf.keras.optimizers.SGD(0.05)
    optimizer.build(model.trainable_variables)


def replica_step(x, y):
    with tf.GradientTape() as tape:
        error = tf.square(model(x, training=True) - y)
        loss = tf.nn.compute_average_loss(tf.reduce_sum(error, axis=1), global_batch_size=GLOBAL_BATCH)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


@tf.function
def train_step(x, y):
    per_replica = strategy.run(replica_step, args=(x, y))
    return strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None)


def main():
    rng = np.random.default_rng(78)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = x[:, :1] - 0.5 * x[:, 1:2]
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(GLOBAL_BATCH, drop_remainder=True)
    distributed = strategy.experimental_distribute_dataset(dataset)
    for epoch in range(2):
        losses = [float(train_step(bx, by)) for bx, by in distributed]
        print("epoch", epoch, "replicas", strategy.num_replicas_in_sync, "loss", np.round(losses, 4))


if __name__ == "__main__":
    main()
