"""What the recorder holds per recorded operation after ten steps: an eager transformer and 80 tiny operations.

python benchmarks/memory.py
"""

from __future__ import annotations

import gc
import tracemalloc

from deaf import Deaf
from step_cost import stepper, tiny, transformer

from whygrad.recorders.tensorflow import TensorFlow
from whygrad.recorders.tensorflow.log import Ran

STEPS = 10


def main() -> None:
    """Measure and print."""
    print("| step | operations recorded in 10 steps | bytes per operation |\n| --- | --- | --- |")
    for make in (transformer, tiny):
        step, recorder = stepper(make), TensorFlow()
        recorder.start(Deaf())
        step()
        recorder.log.clear()
        gc.collect()
        tracemalloc.start()
        for _ in range(STEPS):
            step()
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        operations = sum(isinstance(entry, Ran) for entry in recorder.log.entries)
        recorder.log.clear()
        gc.collect()
        held -= tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        recorder.stop()
        print(f"| {make.__name__} | {operations} | {held / operations:.0f} |", flush=True)


if __name__ == "__main__":
    main()
