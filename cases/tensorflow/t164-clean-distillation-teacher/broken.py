import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Sequential, layers

tf.keras.utils.set_random_seed(1064)


def classifier(width, name):
    return Sequential([Input((6,)), layers.Dense(width, activation="relu"), layers.Dense(3)], name=name)


class Distiller:
    def __init__(self, teacher, student, temperature=3.0, alpha=0.3):
        self.teacher, self.student = teacher, student
        self.temperature, self.alpha = temperature, alpha
        self.hard = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.soft = tf.keras.losses.KLDivergence()
        self.optimizer = tf.keras.optimizers.Adam(2e-3)

    @tf.function
    def step(self, x, y):
        with tf.GradientTape() as tape:
            teacher_logits = self.teacher(x, training=False)
            student_logits = self.student(x, training=True)
            hard = self.hard(y, student_logits)
            soft = self.soft(tf.nn.softmax(teacher_logits / self.temperature), tf.nn.softmax(student_logits / self.temperature))
            loss = self.alpha * hard + (1.0 - self.alpha) * self.temperature ** 2 * soft
        variables = self.student.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        agree = tf.reduce_mean(tf.cast(tf.argmax(teacher_logits, -1) == tf.argmax(student_logits, -1), tf.float32))
        return loss, agree


rng = np.random.default_rng(6)
x = rng.normal(size=(96, 6)).astype("float32")
y = np.argmax(x[:, :3], axis=1)

teacher = classifier(32, "teacher")
teacher.compile(optimizer=tf.keras.optimizers.Adam(1e-2), loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
teacher.fit(x, y, epochs=2, batch_size=32, verbose=0)

distiller = Distiller(teacher, classifier(8, "student"))
for epoch in range(3):
    for i in range(0, 96, 32):
        loss, agree = distiller.step(tf.constant(x[i:i + 32]), tf.constant(y[i:i + 32]))
    print("epoch", epoch, "loss", round(float(loss), 4), "agreement", float(agree))
