"""Values of TensorFlow's tensors and variables as NumPy arrays, on the quiet."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from whygrad.recorders.arrays import worth_of
from whygrad.recorders.tensorflow.updates import read
from whygrad.watching.health import Gradient


def array_of(variable: Any) -> Any:
    """What a variable or tensor holds now; ``None`` where it has no value. It may be the tensor's own memory."""
    import numpy

    tensor = read(variable)
    return None if tensor is None else numpy.asarray(tensor._numpy_internal())


def gradient_at(gradient: Any, shape: Sequence[int]) -> Gradient | None:
    """What a gradient is worth; of one that is given as slices, those that are there, each row once.

    Args:
        shape: the parameter's.
    """
    import numpy

    if gradient is None:
        return None
    indices = getattr(gradient, "indices", None)
    if indices is None:
        array = array_of(gradient)
        return None if array is None else worth_of(array)
    rows, at = array_of(gradient.values), array_of(indices)
    if rows is None or at is None:
        return None
    which, back = numpy.unique(at, return_inverse=True)
    if which.size < at.size:
        summed = numpy.zeros((which.size, *rows.shape[1:]), rows.dtype)
        numpy.add.at(summed, back, rows)
        rows = summed
    return worth_of(rows, prod(shape))
