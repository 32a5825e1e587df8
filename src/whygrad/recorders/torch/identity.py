"""What is known of objects for as long as they live, whatever they say of being equal."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class ByIdentity(Generic[Value]):
    """A dictionary of living objects. Torch's own of this kind runs seven functions of Python for each look."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Any], Value]] = {}

    def __setitem__(self, key: Any, value: Value) -> None:
        known, number = self._known, id(key)
        found = known.get(number)
        reference = weakref.ref(key, lambda _: known.pop(number, None)) if found is None else found[0]
        known[number] = (reference, value)

    def get(self, key: Any, default: Value) -> Value:
        """What is known of an object, ``default`` for one that is not known."""
        found = self._known.get(id(key))
        return default if found is None else found[1]

    def values(self) -> list[Value]:
        """What is known of those that live."""
        return [value for _, value in list(self._known.values())]

    def __iter__(self) -> Iterator[Any]:
        living = [reference() for reference, _ in list(self._known.values())]
        return iter([one for one in living if one is not None])

    def __len__(self) -> int:
        return len(self._known)
