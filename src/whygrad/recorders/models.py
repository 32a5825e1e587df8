"""What Keras' layers and models say of themselves."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from whygrad.recorders import frames


def has_own_step(model: Any) -> bool:
    """Whether the script's class says itself what a training step is, compiled or not: Keras' own is a function."""
    code = getattr(inspect.unwrap(type(model).train_step), "__code__", None)
    return code is None or frames.is_user_file(code.co_filename)


def weights_of(layer: Any) -> Sequence[Any]:
    """A layer's weights; legacy models raise where they have none yet."""
    try:
        return getattr(layer, "weights", ())
    except ValueError:
        return ()


def is_state(variable: Any) -> bool:
    """State that a layer keeps beside its parameters (moving statistics, counters)."""
    name = str(getattr(variable, "name", ""))
    return any(word in name for word in ("moving_", "seed_generator", "iteration")) or not str(
        getattr(variable.dtype, "name", variable.dtype)
    ).startswith(("float", "bfloat"))
