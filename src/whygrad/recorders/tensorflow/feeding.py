"""What ``fit`` feeds to a training step, as far as it can be had without taking a batch away from the script.

Of arrays these are rows, others in each run; of a dataset its elements, unshuffled, where making them leaves no
trace; of a generator or a ``PyDataset`` the first batches that it has given. Of anything else there are none. One run
is measured on the batch that is not finite, where there is one (``holes``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from whygrad.recorders.fitting import Fitting
from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow import holes
from whygrad.recorders.tensorflow.beside import captured, fed_by_iterators
from whygrad.recorders.tensorflow.datasets import elements

_BATCH = 32  # what Keras takes where nothing is said
MOST_BATCHES = 4
# So many are looked at as they pass by.
_MOST_LOOKED = 32
_FEEDER, _LOOKED = "feeder", "looked at"
_ADAPTERS = "keras.src.trainers.data_adapters."


def listen(patches: Patches, fitting: Callable[[], Fitting | None], fault: Callable[[BaseException], None]) -> None:
    """Remember the first batches of generators and every ``PyDataset`` on their way through Keras 3."""
    holes.listen(patches, fault)
    generators = sys.modules.get(_ADAPTERS + "generator_data_adapter")
    datasets = sys.modules.get(_ADAPTERS + "py_dataset_adapter")
    if generators is None or datasets is None:
        return
    adapter, batches = generators.GeneratorDataAdapter, datasets.PyDatasetAdapter
    begin, standardize = adapter.__init__, batches._standardize_batch

    @wraps(begin)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **kwargs)
        given = fitting()
        if given is not None and given.kept.setdefault(_FEEDER, id(self)) == id(self):  # others feed a validation
            _remember(given, fault, *self._first_batches)
            self.generator = holes.passed(self.generator, lambda batch: _remember(given, fault, batch), fault)

    @wraps(standardize)
    def _standardize_batch(self: Any, batch: Any) -> Any:
        result, given = standardize(self, batch), fitting()
        if given is not None and given.kept.setdefault(_FEEDER, id(self)) == id(self):
            _remember(given, fault, result)
        return result

    patches.replace(adapter, "__init__", __init__)
    patches.replace(batches, "_standardize_batch", _standardize_batch)


def _remember(fitting: Fitting, fault: Callable[[BaseException], None], *batches: Any) -> None:
    """Keep copies: the script's own batches live as long as they would, and their memory may be filled anew."""
    try:
        for batch in batches:
            looked = fitting.kept[_LOOKED] = fitting.kept.get(_LOOKED, 0) + 1
            copy = holes.copied(batch) if looked <= _MOST_LOOKED else None
            if copy is not None:
                holes.passes_by(fitting, copy)
                fitting.seen.extend([copy] if len(fitting.seen) < MOST_BATCHES else ())
    except Exception as error:
        fault(error)


def arguments_of(graph: Any, fitting: Fitting, run: int) -> list[Any] | None:
    """The arguments of a traced training step; ``None`` where they can not be told.

    Args:
        graph: the step's own.
        run: the how many-th run it is.
    """
    known = captured(graph)
    missing = [tensor for tensor, argument in zip(graph.inputs, known, strict=True) if argument is None]
    rows = iter(_matching(missing, fitting, run) or ())
    return [next(rows, None) if argument is None else argument for argument in known]


def batch_of(graph: Any, fitting: Fitting | None, run: int) -> list[Any]:
    """What a step's own iterators give; nothing where that can not be told, or there are none."""
    missing = fed_by_iterators(graph)
    return (_matching(missing, fitting, run) if missing and fitting is not None else None) or []


def _matching(missing: Sequence[Any], fitting: Fitting, run: int) -> list[Any] | None:
    from tensorflow.python.util import nest

    batch = _batch(fitting, run)
    arrays = [one for one in nest.flatten(batch) if one is not None]
    if batch is None or len(missing) != len(arrays):
        return None
    rows = [_as_taken(tensor, one) for tensor, one in zip(missing, arrays, strict=True)]
    return None if any(one is None for one in rows) else rows


def _batch(fitting: Fitting, run: int) -> Any:
    """The batch to measure a run on."""
    from tensorflow.python.util import nest

    first = fitting.arrays[0]
    hole = holes.hole_of(fitting, run, fitting.batch or _BATCH)
    if hole is not None:
        return hole
    if hasattr(first, "element_spec"):
        batches = fitting.kept.get("batches")
        if batches is None:
            batches = fitting.kept["batches"] = elements(first, MOST_BATCHES)
        return batches[run % len(batches)] if batches else None
    if fitting.seen:
        return fitting.seen[run % len(fitting.seen)]
    arrays = [one for one in nest.flatten(fitting.arrays) if one is not None]
    if not arrays or not all(hasattr(one, "shape") and len(one.shape) for one in arrays):
        return None
    size = fitting.batch or _BATCH
    start = (run - 1) * size % max(1, len(arrays[0]) - size + 1)
    return [one[start : start + size] for one in arrays]


def _as_taken(tensor: Any, array: Any) -> Any:
    """Rows as the step takes them; ``None`` if it takes something else."""
    import numpy
    from tensorflow.python.framework import ops

    if not hasattr(array, "shape"):
        return None
    rows = numpy.asarray(array)
    if not tensor.dtype.is_floating and rows.dtype != tensor.dtype.as_numpy_dtype:
        return None
    if rows.dtype.kind not in "fiub" or not tensor.shape.is_compatible_with(rows.shape):
        return None
    return ops.convert_to_tensor(rows.astype(tensor.dtype.as_numpy_dtype))
