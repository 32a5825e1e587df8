"""Running a program of some framework under whygrad, in a process of its own."""

from __future__ import annotations

import os
from pathlib import Path

ALONE = Path(__file__).parent / "alone"
# Folders whose modules stand in the place of frameworks that a program does not use: of JAX; of TensorFlow.
OTHERS = Path(__file__).parent / "others"


def surroundings(text: str) -> dict[str, str]:
    """The environment for a program: quiet, on one thread, and without JAX unless its text speaks of it."""
    found = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", OMP_NUM_THREADS="1", TF_NUM_INTRAOP_THREADS="1")
    if not any(name in text for name in ("jax", "flax", "equinox", "optax")):
        found["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ALONE), found.get("PYTHONPATH"))))
    return found
