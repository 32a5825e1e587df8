import numpy as np
import keras
from keras import layers

keras.utils.set_random_seed(1046)
NOISE = 6


def make_painter():
    return keras.Sequential([
        keras.Input((NOISE,)),
        layers.Dense(24, activation="relu", name="paint_hidden"),
        layers.Dense(8, activation="tanh", name="paint_out"),
    ], name="painter")


def make_judge():
    return keras.Sequential([
        keras.Input((8,)),
        layers.Dense(24, activation="leaky_relu", name="real_or_fake_hidden"),
        layers.Dense(1, activation="sigmoid", name="real_or_fake_out"),
    ], name="judge")


painter, judge = make_painter(), make_judge()
judge.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy")

judge.trainable = False  # only the painter learns in the combined model
noise_in = keras.Input((NOISE,))
combined = keras.Model(noise_in, judge(painter(noise_in)), name="combined")
combined.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy")


def noise(rng, n):
    return rng.normal(size=(n, NOISE)).astype("float32")


rng = np.random.default_rng(46)
ones, zeros = np.ones((16, 1), dtype="float32"), np.zeros((16, 1), dtype="float32")
for step in range(4):
    real = np.tanh(rng.normal(size=(16, 8)).cumsum(axis=1)).astype("float32")
    fake = painter.predict(noise(rng, 16), verbose=0)
    judge.trainable = True
    judge_loss = judge.train_on_batch(np.concatenate([real, fake]), np.concatenate([ones, zeros]))
    judge.trainable = False
    painter_loss = combined.train_on_batch(noise(rng, 16), ones)
    print(f"step {step}: judge {float(judge_loss):.4f} painter {float(painter_loss):.4f}")
