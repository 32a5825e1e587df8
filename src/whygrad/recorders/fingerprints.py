"""Recognising a value that left a framework when it comes back. Holds no array.

A number that turns up everywhere by itself, and an array of one repeated value, prove nothing and are not remembered.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

MOST_ELEMENTS = 4096
COMMON = frozenset((0.0, 1.0, -1.0, 0.5, 2.0))


class Fingerprints:
    """Marks of values that left, each with the number by which the recorder knows the tensor."""

    def __init__(self) -> None:
        self._arrays: dict[Hashable, int] = {}
        self._numbers: dict[float, int] = {}

    def remember(self, value: Any, tensor: int) -> None:
        """A number, (nested) list or array was taken out of a tensor."""
        if type(value) is float:  # what nearly every step takes out: its loss
            if value not in COMMON:
                self._numbers[value] = tensor
            return
        import numpy

        array = numpy.asarray(value)
        if array.size == 1:
            number = float(array.reshape(-1)[0]) if array.dtype.kind == "f" else None
            if number is not None and number not in COMMON:
                self._numbers[number] = tensor
            return
        mark = fingerprint(array)
        if mark is not None:
            self._arrays[mark] = tensor

    def number(self, value: float) -> int | None:
        """The tensor that had this value, if one left with it."""
        return self._numbers.get(value) if isinstance(value, float) else None

    def origin(self, array: Any) -> int | None:
        """The tensor whose value an array holds, or holds among others."""
        import numpy

        if array.dtype.kind == "f" and self._numbers and array.size <= MOST_ELEMENTS:
            for value in array.reshape(-1).astype(numpy.float64):
                if float(value) in self._numbers:
                    return self._numbers[float(value)]
        if not self._arrays:
            return None
        mark = fingerprint(array)
        return None if mark is None else self._arrays.get(mark)


def fingerprint(array: Any) -> Hashable | None:
    """A key that equal arrays share whatever their shape and float width; ``None`` for telling-nothing ones."""
    import numpy

    if array.size < 2 or array.dtype.kind not in "fiu":
        return None
    flat = array.reshape(-1)
    step = max(1, flat.size // MOST_ELEMENTS)
    sample = flat[::step].astype(numpy.float64)
    if (sample == sample[0]).all():
        return None
    return (array.size, sample.tobytes())
