"""What ``fit`` feeds to a training step: rows of the arrays that it was given.

Its iterator can not be read without taking a batch away from the script, so a step is measured on rows taken from the
arrays themselves, others in each run. Where ``fit`` was given something else (a dataset, a generator) there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whygrad.recorders.lives import Fitting
from whygrad.recorders.tensorflow.beside import captured

_BATCH = 32  # what Keras takes where nothing is said


def arguments_of(graph: Any, fitting: Fitting, run: int) -> list[Any] | None:
    """The arguments of a traced training step; ``None`` where they can not be told.

    Args:
        graph: the step's own.
        run: the how many-th run it is.
    """
    from tensorflow.python.util import nest

    known = captured(graph)
    missing = [tensor for tensor, argument in zip(graph.inputs, known, strict=True) if argument is None]
    arrays = [one for one in nest.flatten(fitting.arrays) if one is not None]
    if len(missing) != len(arrays) or not all(hasattr(one, "shape") and len(one.shape) for one in arrays):
        return None
    size = fitting.batch or _BATCH
    start = (run - 1) * size % max(1, len(arrays[0]) - size + 1)
    rows = [_rows(tensor, one, start, size) for tensor, one in zip(missing, arrays, strict=True)]
    if any(one is None for one in rows):
        return None
    left = iter(rows)
    return [next(left) if argument is None else argument for argument in known]


def _rows(tensor: Any, array: Sequence[Any], start: int, size: int) -> Any:
    """Some rows as the step takes them; ``None`` if it takes something else."""
    import numpy
    from tensorflow.python.framework import ops

    rows = numpy.asarray(array[start : start + size])
    if not tensor.dtype.is_floating and rows.dtype != tensor.dtype.as_numpy_dtype:
        return None
    if rows.dtype.kind not in "fiub" or not tensor.shape.is_compatible_with(rows.shape):
        return None
    return ops.convert_to_tensor(rows.astype(tensor.dtype.as_numpy_dtype))
