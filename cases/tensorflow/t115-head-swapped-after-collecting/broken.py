import numpy as np
import tensorflow as tf

tf.random.set_seed(1015)


class Dense(tf.Module):
    def __init__(self, n_in, n_out, name):
        super().__init__(name=name)
        self.kernel = tf.Variable(tf.random.normal((n_in, n_out), stddev=0.3), name=f"{name}_kernel")
        self.bias = tf.Variable(tf.zeros((n_out,)), name=f"{name}_bias")

    def __call__(self, x):
        return tf.matmul(x, self.kernel) + self.bias


class Classifier(tf.Module):
    def __init__(self, classes):
        super().__init__(name="classifier")
        self.features = Dense(5, 16, "features")
        self.head = Dense(16, classes, "old_head")

    def __call__(self, x):
        return self.head(tf.nn.relu(self.features(x)))

    def adapt_to(self, classes):
        self.head = Dense(16, classes, "new_head")


class Trainer:
    def __init__(self, model, rate=1e-2):
        self.model = model
        self.parameters = model.trainable_variables
        self.optimizer = tf.keras.optimizers.Adam(rate)

    def step(self, x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, self.model(x)))
        grads = tape.gradient(loss, self.parameters)
        self.optimizer.apply_gradients(zip(grads, self.parameters))
        return float(loss)


rng = np.random.default_rng(3)
x = rng.normal(size=(60, 5)).astype("float32")
y_new = (x[:, 0] > 0).astype("int64") + (x[:, 1] > 0)
model = Classifier(classes=10)
trainer = Trainer(model)
model.adapt_to(classes=3)
for epoch in range(3):
    print("epoch", epoch, [round(trainer.step(x[i:i + 20], y_new[i:i + 20]), 4) for i in (0, 20, 40)])
print("accuracy", np.mean(tf.argmax(model(x), axis=1).numpy() == y_new))
