"""Norms and counts of NumPy arrays, as plain numbers; NumPy is imported where a framework has done so already."""

from __future__ import annotations

import math
from typing import Any

from whygrad.watching.health import Gradient, Move

# Below this, relative to the numbers that it is the difference of, a difference is rounding.
ROUNDING = 4e-6
# Of larger arrays this many elements stand for all, where an update is measured.
MOST_ELEMENTS = 1 << 16


def norm_of(array: Any) -> float:
    """The Euclidean norm, in double precision for what has less than single."""
    import numpy

    flat = array.reshape(-1)
    if flat.dtype.kind not in "fc" or flat.dtype.itemsize < 4:
        flat = flat.astype(numpy.float32)
    return float(numpy.linalg.norm(flat))


def worth_of(array: Any, elements: int | None = None) -> Gradient:
    """What a gradient is worth.

    Args:
        elements: how many it has where the array holds only some of them, and the others are zero.
    """
    import numpy

    norm = norm_of(array)
    total = max(elements or array.size, 1)
    bad = 0 if math.isfinite(norm) else int(array.size - numpy.isfinite(array.astype(numpy.float32)).sum())
    return Gradient(norm, 1.0 - int(numpy.count_nonzero(array)) / total, bad)


def sample(array: Any) -> tuple[Any, float]:
    """A copy of the elements, or of some of them, and by what a norm of it is to be multiplied."""
    flat = array.reshape(-1)
    if flat.size <= MOST_ELEMENTS:
        return flat.copy(), 1.0
    # An odd step, so that the elements do not all come from the same columns.
    some = flat[:: math.ceil(flat.size / MOST_ELEMENTS) | 1].copy()
    return some, math.sqrt(flat.size / some.size)


def move_of(before: tuple[Any, float], after: tuple[Any, float]) -> Move:
    """What became of a parameter, from its samples."""
    old, factor = before
    return Move(norm_of(old) * factor, norm_of(after[0] - old) * factor, factor != 1.0)


def difference(given: Any, old: Any, new: Any, factor: float) -> Gradient:
    """What a gradient is worth that was found as the difference of two states.

    Args:
        given: samples of it; ``old``, ``new``: of the states.
        factor: by what a norm of the samples is to be multiplied.
    """
    import numpy

    bad = int(given.size - numpy.isfinite(given).sum())
    rounding = numpy.abs(given) <= ROUNDING * numpy.maximum(numpy.abs(old), numpy.abs(new))
    return Gradient(norm_of(given) * factor, float(rounding.mean()), bad)
