import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import layers

keras.utils.set_random_seed(1089)


class VoiceModel(keras.Model):
    def __init__(self):
        super().__init__(name="voice_model")
        self.scale = layers.Normalization(axis=-1)
        self.conv = layers.Conv1D(8, 3, activation="relu", name="voice_conv")
        self.pool = layers.GlobalAveragePooling1D()
        self.vector = layers.Dense(6, use_bias=False, name="voice_vector")

    def call(self, x, training=False):
        return tf.math.l2_normalize(self.vector(self.pool(self.conv(self.scale(x)))), axis=1)

    def train_step(self, data):
        sound, speaker = data
        with tf.GradientTape() as tape:
            vectors = self(sound, training=True)
            scores = tf.matmul(vectors, vectors, transpose_b=True) / 0.2
            scores -= 1e3 * tf.eye(tf.shape(scores)[0])
            same = tf.cast(speaker[:, None] == speaker[None, :], tf.float32)
            same -= tf.eye(tf.shape(same)[0])
            log_share = scores - tf.reduce_logsumexp(scores, axis=1, keepdims=True)
            counted = tf.maximum(tf.reduce_sum(same, axis=1), 1.0)
            loss = -tf.reduce_mean(tf.reduce_sum(same * log_share, axis=1) / counted)
            with tape.stop_recording():
                nearest = tf.argmax(scores, axis=1)
                hits = tf.reduce_mean(tf.cast(tf.gather(speaker, nearest) == speaker, tf.float32))
        variables = self.trainable_variables
        gradients, norm = tf.clip_by_global_norm(tape.gradient(loss, variables), 1.0)
        self.optimizer.apply_gradients(zip(gradients, variables))
        return {"contrast": loss, "hits": hits, "norm": norm}


rng = np.random.default_rng(89)
speaker = rng.integers(0, 4, size=96)
sound = (rng.normal(size=(4, 12, 3))[speaker] + 0.5 * rng.normal(size=(96, 12, 3))).astype("float32")
model = VoiceModel()
model.scale.adapt(sound)
model.compile(optimizer=keras.optimizers.Adam(3e-3))
history = model.fit(sound, speaker, batch_size=24, epochs=2, verbose=0)
print({key: [round(v, 3) for v in values] for key, values in history.history.items()})
