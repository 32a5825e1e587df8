"""What a training step costs: plain, recorded, watched only, and under TensorFlow's own debugger.

Thread CPU time of one eager step with TensorFlow on one thread, the ways interleaved in one process; printed as ratios
to the plain step, minimum and median over the rounds. The last column is a second plain step: the noise.

    python benchmarks/step_cost.py [ROUNDS [NAMES...]]
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from deaf import Deaf

from whygrad.recorders.tensorflow import TensorFlow

keras = tf.keras
RECORDER = TensorFlow()
SCRATCH = tempfile.mkdtemp(prefix="whygrad_bench_")


def mlp() -> tuple[Any, Any]:
    layers = [keras.layers.Dense(256, "relu"), keras.layers.Dense(256, "relu"), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input((784,)), *layers]), np.ones((64, 784), "float32")


def conv() -> tuple[Any, Any]:
    blocks = [[keras.layers.Conv2D(16, 3), keras.layers.BatchNormalization(), keras.layers.ReLU()] for _ in range(3)]
    layers = [layer for block in blocks for layer in block]
    tail = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input((32, 32, 3)), *layers, *tail]), np.ones((8, 32, 32, 3), "float32")


def transformer() -> tuple[Any, Any]:
    x = inputs = keras.Input((32, 64))
    for _ in range(4):
        x = keras.layers.LayerNormalization()(x + keras.layers.MultiHeadAttention(4, 16)(x, x))
        x = keras.layers.LayerNormalization()(x + keras.layers.Dense(64)(keras.layers.Dense(256, "gelu")(x)))
    return keras.Model(inputs, keras.layers.Dense(1)(x[:, 0])), np.ones((8, 32, 64), "float32")


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


def timed(step: Callable[[], None]) -> float:
    start = time.thread_time()
    step()
    return time.thread_time() - start


def recorded(step: Callable[[], None], rest: bool) -> float:
    """One step under a recorder that has seen the script's first step already."""
    RECORDER.start(Deaf())
    if rest:
        RECORDER.rest()
    try:
        return timed(step)
    finally:
        RECORDER.stop()


def debugged(step: Callable[[], None], numerics: bool) -> float:
    debugging = tf.debugging
    if numerics:
        debugging.enable_check_numerics()
    else:
        # A fresh folder each time: switched on twice for one folder, TensorFlow 2.21 crashes.
        debugging.experimental.enable_dump_debug_info(tempfile.mkdtemp(dir=SCRATCH), tensor_debug_mode="NO_TENSOR")
    try:
        return timed(step)
    finally:
        (debugging.disable_check_numerics if numerics else debugging.experimental.disable_dump_debug_info)()


WAYS: dict[str, Callable[[Callable[[], None]], float]] = {
    "plain": timed,
    "recorded": lambda step: recorded(step, rest=False),
    "watched": lambda step: recorded(step, rest=True),
    "dump_debug_info": lambda step: debugged(step, numerics=False),
    "check_numerics": lambda step: debugged(step, numerics=True),
    "plain again": timed,
}


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    print("| step | " + " | ".join(list(WAYS)[1:]) + " |\n| --- |" + " --- |" * (len(WAYS) - 1))
    for make in [one for one in (mlp, conv, transformer, tiny) if one.__name__ in sys.argv[2:] or not sys.argv[2:]]:
        step = stepper(make)
        for _ in range(3):
            step()
        recorded(step, rest=False)
        times: dict[str, list[float]] = {name: [] for name in WAYS}
        for _ in range(rounds):
            for name, way in WAYS.items():
                times[name].append(way(step))
        low, mid = min(times["plain"]), statistics.median(times["plain"])
        cells = [f"{min(t) / low:.2f} ({statistics.median(t) / mid:.2f})" for n, t in times.items() if n != "plain"]
        print(f"| {make.__name__}, {low * 1e3:.1f} ms | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    try:
        main()
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)
