"""Frozen records as JSON text and back, for a process that takes over what another one found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


def written(record: Any) -> str:
    """A record as text: dataclasses that hold numbers, strings, mappings, tuples and one another."""
    return json.dumps(asdict(record))


def read(kind: type[Record], text: str) -> Record:
    """The record that was written; ValueError where the text is none of that kind."""
    try:
        found: Record = _restored(kind, json.loads(text))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"no {kind.__name__}: {error}") from None
    return found


def _restored(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: _restored(hints[name], each) for name, each in value.items()})  # type: ignore[operator]
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if value is None:
            return None
        return _restored(next(each for each in inside if each is not NoneType), value)
    if origin is tuple:
        return tuple(_restored(inside[0], each) for each in value)
    if origin is not None and isinstance(value, Mapping):
        return {name: _restored(inside[1], each) for name, each in value.items()}
    return value
