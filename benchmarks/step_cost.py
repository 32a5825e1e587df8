"""What a training step costs: plain, recorded, watched only, and under TensorFlow's own debugger.

Thread CPU time of an eager step with TensorFlow on one thread, the ways in turns, each in a process of its own; printed
as ratios to the plain step, minimum and median over the rounds. The last column is a second plain step: the noise.

    python benchmarks/step_cost.py [ROUNDS [NAMES...]]
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from deaf import Deaf
from turns import Measure, in_turns, ratio

from whygrad.recorders.tensorflow import TensorFlow

keras = tf.keras
# A run records ten steps: the first are warming up, and the others are measured together.
WARM, MEASURED, WATCHED = 3, 7, 21


def noise(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape, "float32")


def mlp() -> tuple[Any, Any]:
    layers = [keras.layers.Dense(256, "relu"), keras.layers.Dense(256, "relu"), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input((784,)), *layers]), noise(64, 784)


def conv() -> tuple[Any, Any]:
    blocks = [[keras.layers.Conv2D(16, 3), keras.layers.BatchNormalization(), keras.layers.ReLU()] for _ in range(3)]
    layers = [layer for block in blocks for layer in block]
    tail = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input((32, 32, 3)), *layers, *tail]), noise(8, 32, 32, 3)


def transformer() -> tuple[Any, Any]:
    x = inputs = keras.Input((32, 64))
    for _ in range(4):
        x = keras.layers.LayerNormalization()(x + keras.layers.MultiHeadAttention(4, 16)(x, x))
        x = keras.layers.LayerNormalization()(x + keras.layers.Dense(64)(keras.layers.Dense(256, "gelu")(x)))
    return keras.Model(inputs, keras.layers.Dense(1)(x[:, 0])), noise(8, 32, 64)


def tiny() -> tuple[Any, Any]:
    weights = [tf.Variable(1.0) for _ in range(40)]

    class Chain(tf.Module):
        def __call__(self, x: Any, training: bool = True) -> Any:
            for w in weights:
                x = tf.tanh(x * w)
            return x

        @property
        def trainable_variables(self) -> list[Any]:
            return weights

    return Chain(), np.ones((4,), "float32")


MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "mlp": mlp,
    "conv": conv,
    "transformer": transformer,
    "tiny": tiny,
    # Attention over equal tokens has no gradient for its queries and keys: what goes back is then looked at throughout.
    "transformer on constant data": lambda: (transformer()[0], np.ones((8, 32, 64), "float32")),
}


def stepper(make: Callable[[], tuple[Any, Any]]) -> Callable[[], None]:
    model, x = make()
    data = tf.constant(x)
    optimizer = keras.optimizers.SGD(1e-3)

    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(data, training=True) - 1.0))
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        if isinstance(model, keras.Model):
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
        else:
            for variable, gradient in zip(variables, gradients, strict=True):
                variable.assign_sub(1e-3 * gradient)

    return step


def timed(step: Callable[[], None], steps: int = MEASURED) -> float:
    start = time.thread_time()
    for _ in range(steps):
        step()
    return (time.thread_time() - start) / steps


def recorded(step: Callable[[], None]) -> float:
    recorder = TensorFlow()
    recorder.start(Deaf())
    try:
        # What is set up once per recorder, and once per place that asks, is not the cost of a step.
        return [timed(step, steps) for steps in (WARM, MEASURED)][-1]
    finally:
        recorder.stop()


def watched(step: Callable[[], None]) -> float:
    return timed(step, WATCHED)


def debugged(step: Callable[[], None], numerics: bool) -> float:
    debugging = tf.debugging
    if numerics:
        debugging.enable_check_numerics()
    else:
        # A fresh folder each time: switched on twice for one folder, TensorFlow 2.21 crashes.
        folder = tempfile.mkdtemp(prefix="whygrad_bench_")
        debugging.experimental.enable_dump_debug_info(folder, tensor_debug_mode="NO_TENSOR")
    try:
        return timed(step, 1)
    finally:
        if numerics:
            debugging.disable_check_numerics()
        else:
            debugging.experimental.disable_dump_debug_info()
            shutil.rmtree(folder, ignore_errors=True)


WAYS: dict[str, Callable[[Callable[[], None]], float]] = {
    "plain": timed,
    "recorded": recorded,
    "watched": watched,
    "dump_debug_info": lambda step: debugged(step, numerics=False),
    "check_numerics": lambda step: debugged(step, numerics=True),
    "plain again": timed,
}


def prepared(way: str, name: str) -> Measure:
    """A process of one way and one model."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    step = stepper(MODELS[name])
    for _ in range(WARM):
        step()
    if way == "watched":  # as the rest of a run is, once recording is over
        recorder = TensorFlow()
        recorder.start(Deaf())
        step()
        recorder.rest()
        step()
    return lambda: [WAYS[way](step)]


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    print("| step | " + " | ".join(list(WAYS)[1:]) + " |\n| --- |" + " --- |" * (len(WAYS) - 1))
    for name in sys.argv[2:] or MODELS:
        times = {way: [one for (one,) in found] for way, found in in_turns(prepared, list(WAYS), rounds, name).items()}
        cells = [ratio(found, times["plain"]) for way, found in times.items() if way != "plain"]
        print(f"| {name}, {min(times['plain']) * 1e3:.1f} ms | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
