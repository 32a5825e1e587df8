"""What a model is fed that is not finite, found wherever it stands in the data.

A step is measured on a few batches only. So the batch with such a number is looked for, and one step is measured on
that: rows of arrays, elements of a dataset, and what generators give while it passes by.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from whygrad.recorders.fitting import Fitting
from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow.datasets import elements, source_of
from whygrad.recorders.tensorflow.reading import array_of

# Larger ones are neither copied nor searched.
MOST_BYTES = 1 << 26
_MOST_ELEMENTS = 512
_MOST_BATCHES = 32
_HOLE, _RUN = "hole", "run of the hole"


class Heard:
    """What a generator of a dataset has given: ``hole`` is the first element that is not finite."""

    def __init__(self) -> None:
        self.hole: list[Any] | None = None
        self._left = _MOST_ELEMENTS

    def look(self, element: Any) -> None:
        """The generator gives this."""
        if self.hole is None and self._left > 0:
            self._left -= 1
            arrays = copied(element)
            self.hole = arrays if arrays is not None and is_broken(arrays) else None


_heard: weakref.WeakKeyDictionary[Any, Heard] = weakref.WeakKeyDictionary()


def listen(patches: Patches, fault: Callable[[BaseException], None]) -> None:
    """Hear what the generators of datasets give that are made from now on."""
    from tensorflow.python.data.ops import from_generator_op

    original = from_generator_op._from_generator

    @wraps(original)
    def _from_generator(generator: Any, *args: Any, **kwargs: Any) -> Any:
        heard = Heard()
        made = original(passed(generator, heard.look, fault) if callable(generator) else generator, *args, **kwargs)
        _heard[made] = heard
        return made

    patches.replace(from_generator_op, "_from_generator", _from_generator)


def passed(
    generator: Callable[..., Any], look: Callable[[Any], None], fault: Callable[[BaseException], None]
) -> Callable[..., Any]:
    """The same generator, each of whose elements is looked at; nothing of ours is in the stack while it runs."""

    def seen(element: Any) -> Any:
        try:
            look(element)
        except Exception as error:
            fault(error)
        return element

    def begun(*args: Any) -> Any:
        found = generator(*args)
        return map(seen, found) if hasattr(found, "__iter__") else found

    return begun


def copied(batch: Any) -> list[Any] | None:
    """The arrays of a batch, in order; ``None`` where one can not be read, or all are too large."""
    import numpy
    from tensorflow.python.util import nest

    arrays = [one for one in nest.flatten(batch) if one is not None]
    read = [one if isinstance(one, (numpy.ndarray, numpy.generic, float, int)) else array_of(one) for one in arrays]
    if any(one is None for one in read):
        return None
    found = [numpy.array(one) for one in read]
    return found if sum(one.nbytes for one in found) <= MOST_BYTES else None


def is_broken(arrays: Iterable[Any]) -> bool:
    """Whether an array of floating point holds NaN or an infinite number."""
    import numpy

    return any(one.dtype.kind == "f" and not bool(numpy.isfinite(one).all()) for one in arrays)


def hole_of(fitting: Fitting, run: int, size: int) -> Any:
    """The batch with a number that is not finite, for one run; ``None`` for all others, or if there is none.

    Args:
        run: the how many-th run of the step it is; ``size``: how many rows of arrays a step takes.
    """
    first = fitting.arrays[0]
    if _HOLE not in fitting.kept or fitting.kept[_HOLE] is None:
        if hasattr(first, "element_spec"):
            fitting.kept[_HOLE] = _of_generator(first) or (None if _HOLE in fitting.kept else _of_dataset(first))
        elif _HOLE not in fitting.kept:
            fitting.kept[_HOLE] = next((batch for batch in fitting.seen if is_broken(batch)), None)
            fitting.kept[_HOLE] = fitting.kept[_HOLE] or _of_arrays(fitting, size)
    hole = fitting.kept[_HOLE]
    return hole if hole is not None and fitting.kept.setdefault(_RUN, run) == run else None


def passes_by(fitting: Fitting, batch: list[Any]) -> None:
    """A generator gives a batch: keep the first that is not finite."""
    if fitting.kept.get(_HOLE) is None and is_broken(batch):
        fitting.kept[_HOLE] = batch


def is_due(fitting: Fitting) -> bool:
    """Whether a batch with such a number is known, and no run was measured on it yet."""
    return fitting.kept.get(_HOLE) is not None and _RUN not in fitting.kept


def is_awaited(fitting: Fitting) -> bool:
    """Whether all that could be measured on is what a generator of a dataset may give yet."""
    first = fitting.arrays[0]
    heard = _heard_of(first) if hasattr(first, "element_spec") else None
    return heard is not None and (heard.hole is None or _RUN in fitting.kept)


def _heard_of(dataset: Any) -> Heard | None:
    return _heard.get(source_of(dataset)[0])


def _of_generator(dataset: Any) -> list[Any] | None:
    """The element with such a number, as often as a batch has rows."""
    import numpy

    source, size = source_of(dataset)
    heard = _heard.get(source)
    if heard is None or heard.hole is None:
        return None
    return heard.hole if size is None else [numpy.repeat(one[None], size, axis=0) for one in heard.hole]


def _of_dataset(dataset: Any) -> list[Any] | None:
    """The first element with such a number, as far as it is looked for."""
    left = MOST_BYTES
    for element in elements(dataset, _MOST_BATCHES):
        arrays = copied(element)
        if arrays is None or left < 0:
            return None
        if is_broken(arrays):
            return arrays
        left -= sum(one.nbytes for one in arrays)
    return None


def _of_arrays(fitting: Fitting, size: int) -> list[Any] | None:
    """The rows around the first that holds such a number, of those that are trained on."""
    import numpy
    from tensorflow.python.util import nest

    arrays = [one for one in nest.flatten(fitting.arrays) if one is not None]
    if not all(isinstance(one, numpy.ndarray) and one.ndim and one.nbytes <= MOST_BYTES for one in arrays):
        return None
    arrays = [one[: math.ceil(len(one) * (1.0 - fitting.held_back))] for one in arrays]
    floats = [one for one in arrays if one.dtype.kind == "f"]
    bad = [~numpy.isfinite(one).reshape(len(one), -1).all(axis=1) for one in floats]
    rows = [int(one.argmax()) for one in bad if one.any()]
    if not rows:
        return None
    start = max(0, min(rows[0], len(floats[0]) - size))
    return [one[start : start + size] for one in arrays]
