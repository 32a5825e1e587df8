"""The recorder of TensorFlow in the situations that every recorder is tried in."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tensorflow")

from conformance import SITUATIONS, Framework, check
from whygrad.recorders.tensorflow import TensorFlow

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]

MODEL = """
import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(0)
x = tf.reshape(tf.linspace(-1.0, 1.0, 32), (8, 4))
y = tf.reduce_sum(x, 1, keepdims=True)
hidden, pred = tf.keras.layers.Dense(5, "tanh"), tf.keras.layers.Dense(1)
model = tf.keras.Sequential([tf.keras.Input((4,)), hidden, pred])
optimizer = tf.keras.optimizers.SGD(0.1)
"""
STEPS = """
for step in range(4):
    with tf.GradientTape() as tape:
        {forward}
    grads = tape.gradient(loss, model.trainable_variables)
    pairs = [(g, v) for g, v in zip(grads, model.trainable_variables) if g is not None]
    if pairs:
        optimizer.apply_gradients(pairs)
result = [v.numpy().tolist() for v in model.trainable_variables]
"""


def steps(*forward: str, before: str = "") -> str:
    return MODEL + before + STEPS.replace("{forward}", "\n        ".join(forward))


CUSTOM = """
@tf.custom_gradient
def scaled(value):
    def backward(gradient):
        return None  # <- here

    return value * 2, backward

"""
TURNS = """
other = tf.keras.layers.Dense(1)
other.build((None, 5))
optimizers = [tf.keras.optimizers.SGD(0.1) for _ in range(2)]
for step in range(4):
    for optimizer, head in zip(optimizers, (pred, other)):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((head(hidden(x)) - y) ** 2)
        variables = hidden.trainable_variables + head.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
result = [v.numpy().tolist() for v in hidden.variables + pred.variables + other.variables]
"""
OUTSIDE = """
for step in range(4):
    features = hidden(x)  # <- here
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((pred(features) - y) ** 2)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients([(g, v) for g, v in zip(grads, model.trainable_variables) if g is not None])
result = [float(loss)]
"""
OTHER = """
other = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(5, "tanh"), tf.keras.layers.Dense(1)])
for step in range(4):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    grads = tape.gradient(loss, other.trainable_variables)  # <- here
result = [float(loss)]
"""
PROGRAMS = {
    "healthy": steps("loss = tf.reduce_mean((model(x) - y) ** 2)"),
    "two parts trained in turn": MODEL + TURNS,
    "a stop beside a live way": steps(
        "out = model(x)", "loss = tf.reduce_mean((out - 0.5 * tf.stop_gradient(out) - y) ** 2)"
    ),
    "an argmax for a metric": steps(
        "out = model(x)", "right = tf.argmax(out, 1) == 0", "loss = tf.reduce_mean((out - y) ** 2)"
    ),
    "NumPy for the log": steps(
        "out = model(x)", "seen = float(np.mean(out.numpy()))", "loss = tf.reduce_mean((out - y) ** 2)"
    ),
    "the script's own exception": steps(
        "loss = tf.reduce_mean((model(x) - y) ** 2)", "if step == 2:", "    raise LookupError('no such batch')"
    ),
    "a layer that is bypassed": steps("out = model(x)", "loss = tf.reduce_mean((hidden(x) - y) ** 2)  # <- here"),
    "a layer that is never called": steps("loss = tf.reduce_mean((hidden(x) - y) ** 2)  # <- here"),
    "a stop on the only way": steps(
        "out = tf.stop_gradient(model(x))  # <- here", "loss = tf.reduce_mean((out - y) ** 2)"
    ),
    "computed unrecorded": MODEL + OUTSIDE,
    "through NumPy": steps(
        "features = tf.constant(np.tanh(hidden(x).numpy()))  # <- here",
        "loss = tf.reduce_mean((pred(features) - y) ** 2)",
    ),
    "an argmax on the way": steps(
        "chosen = tf.argmax(hidden(x), 1)  # <- here", "loss = tf.reduce_mean((pred(tf.one_hot(chosen, 5)) - y) ** 2)"
    ),
    "a cast to integers": steps(
        "whole = tf.cast(hidden(x) * 4, tf.int32)  # <- here",
        "loss = tf.reduce_mean((pred(tf.cast(whole, tf.float32)) - y) ** 2)",
    ),
    "a custom gradient without an answer": steps(
        "loss = tf.reduce_mean((pred(scaled(hidden(x))) - y) ** 2)", before=CUSTOM
    ),
    "asked of another object": MODEL + OTHER,
}
TENSORFLOW = Framework(TensorFlow, ("tensorflow", "keras"), PROGRAMS)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_situation(situation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(TENSORFLOW, situation, tmp_path / "program.py", monkeypatch)
