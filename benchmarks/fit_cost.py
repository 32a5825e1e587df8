"""What ``fit`` costs, plain and under a session as ``whygrad run`` has it: trace with the first batch, and later steps.

Thread CPU time with TensorFlow on one thread. Every fit is of a new model; plain, heard and plain again run in turns in
processes of their own.

    python benchmarks/fit_cost.py [ROUNDS]
"""

from __future__ import annotations

import gc
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from turns import Measure, in_turns, ratio

from whygrad.session import Session

STEADY = 200
WAYS = ("plain", "under whygrad", "plain again")


def fitted() -> tuple[float, float]:
    """Seconds of thread CPU time of the first batch with its trace, and of 200 batches after it."""
    keras.backend.clear_session()
    gc.collect()
    layers = [keras.layers.Dense(64, "relu") for _ in range(20)]
    model = keras.Sequential([keras.Input((64,)), *layers, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = np.ones((32, 64), "float32"), np.ones((32, 1), "float32")
    times = [time.thread_time()]
    model.fit(x, y, verbose=0)
    times.append(time.thread_time())
    model.fit(np.repeat(x, STEADY, 0), np.repeat(y, STEADY, 0), verbose=0)
    times.append(time.thread_time())
    return times[1] - times[0], times[2] - times[1]


def heard() -> tuple[float, float]:
    """The same inside a session."""
    session = Session(["fit_cost.py"], 10, lambda finding: None)
    session.start()
    try:
        return fitted()
    finally:
        session.close(0, None)


def prepared(way: str) -> Measure:
    """A process of one way; what Keras and TensorFlow set up once is no cost of a fit."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    fitted()
    return heard if way == "under whygrad" else fitted


def main() -> None:
    """Measure and print ratios to the plain fit: minimum (median)."""
    times = in_turns(prepared, WAYS, int(sys.argv[1]) if len(sys.argv) > 1 else 8)
    print("| fit | " + " | ".join(WAYS) + " |\n| --- | --- | --- | --- |")
    for index, part in enumerate(("trace and first batch", f"{STEADY} batches after it")):
        plain, *others = ([pair[index] for pair in times[way]] for way in WAYS)
        cells = [ratio(other, plain) for other in others]
        print(f"| {part} | {min(plain) * 1e3:.0f} ms | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
