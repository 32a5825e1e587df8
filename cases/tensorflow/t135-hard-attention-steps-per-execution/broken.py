import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(1035)


class HardAttention(layers.Layer):
    def __init__(self, dim, **kwargs):
        super().__init__(**kwargs)
        self.query = layers.Dense(dim, use_bias=False, name="query")
        self.key = layers.Dense(dim, use_bias=False, name="key")
        self.value = layers.Dense(dim, use_bias=False, name="value")
        self.scale = dim**-0.5

    def call(self, question, memory):
        q, k, v = self.query(question), self.key(memory), self.value(memory)
        scores = ops.einsum("bd,btd->bt", q, k) * self.scale
        winner = ops.argmax(scores, axis=-1)
        weights = ops.one_hot(winner, memory.shape[1])
        return ops.einsum("bt,btd->bd", weights, v)


class MemoryReader(keras.Model):
    def __init__(self, dim=12):
        super().__init__(name="memory_reader")
        self.attention = HardAttention(dim, name="attention")
        self.answer = layers.Dense(1, name="answer")

    def call(self, inputs):
        return self.answer(self.attention(inputs["question"], inputs["memory"]))


def episodes(n, slots=6, dim=5):
    rng = np.random.default_rng(35)
    memory = rng.normal(size=(n, slots, dim)).astype("float32")
    asked = rng.integers(0, slots, size=n)
    question = memory[np.arange(n), asked, :3]
    return {"question": question, "memory": memory}, memory[np.arange(n), asked, 3:4]


inputs, target = episodes(128)
model = MemoryReader()
model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mae", steps_per_execution=2)
history = model.fit(inputs, target, batch_size=32, epochs=3, verbose=0)
print("mae", [round(v, 4) for v in history.history["loss"]])
