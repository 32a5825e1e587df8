"""The elements of a ``tf.data`` dataset, beside the script: by iterators of our own, and only of what leaves no trace.

A dataset that runs Python, draws random numbers, reads files or fills a cache is left alone. Shuffling is left out: a
second iterator would move the order of the script's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from whygrad.recorders.tensorflow.beside import is_pure
from whygrad.recorders.tensorflow.log import Log

_SOURCES = frozenset(("_TensorSliceDataset", "_TensorDataset"))
# What these do to the elements does not matter to a measurement.
_PASSED = frozenset(("_ShuffleDataset", "_PrefetchDataset", "_RepeatDataset", "_OptionsDataset", "CacheDataset"))

_BATCHED = frozenset(("_BatchDataset", "_ParallelBatchDataset"))


def elements(dataset: Any, most: int) -> list[Any]:
    """The first elements; none where they can not be had without a trace."""
    found = _beside(dataset)
    return [] if found is None else list(islice(found, most))


def source_of(dataset: Any) -> tuple[Any, int | None]:
    """What a dataset hands on as it is, and how many elements of it make one; ``None`` where that is one."""
    from tensorflow.python.framework import tensor_util

    size = None
    while (kind := type(dataset).__name__) in _PASSED or kind in _BATCHED:
        if kind in _BATCHED:
            size = int(tensor_util.constant_value(dataset._batch_size) or 1) * (size or 1)
        (dataset,) = dataset._inputs()
    return dataset, size


def _beside(dataset: Any) -> Any:
    """A dataset of the same elements that is ours."""
    kind = type(dataset).__name__
    if kind in _SOURCES:
        return dataset
    inputs = [_beside(one) for one in dataset._inputs()]
    if not inputs or any(one is None for one in inputs):
        return None
    if kind in _PASSED:
        return inputs[0]
    again = _AGAIN.get(kind)
    return again(dataset, inputs) if again is not None else None


def _batched(dataset: Any, inputs: list[Any]) -> Any:
    return inputs[0].batch(dataset._batch_size, drop_remainder=dataset._drop_remainder)


def _zipped(dataset: Any, inputs: list[Any]) -> Any:
    from tensorflow.python.data.ops import dataset_ops
    from tensorflow.python.data.util import nest

    return dataset_ops.DatasetV2.zip(nest.pack_sequence_as(dataset._datasets, inputs))


def _mapped(dataset: Any, inputs: list[Any]) -> Any:
    """The same function on other elements; the script's Python is not run again."""
    from tensorflow.python.data.ops import dataset_ops
    from tensorflow.python.ops import gen_dataset_ops

    function = dataset._map_func.function
    if not all(is_pure(op, function.graph, Log()) for op in function.graph.get_operations()):
        return None
    variant = gen_dataset_ops.map_dataset(
        inputs[0]._variant_tensor, function.captured_inputs, f=function, **dataset._flat_structure
    )
    return dataset_ops._VariantDataset(variant, dataset.element_spec)


_AGAIN: Mapping[str, Callable[[Any, list[Any]], Any]] = {
    **dict.fromkeys(_BATCHED, _batched),
    "_ZipDataset": _zipped,
    "_MapDataset": _mapped,
    "_ParallelMapDataset": _mapped,
}
