"""A Graph as JSON and back: the fifth law, that it holds plain data and nothing of the program's own.

Nothing in whygrad stores a Graph yet, so the way there and back lives with the tests.
"""

from __future__ import annotations

import json
import types
import typing
from array import array
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from whygrad.graph import Graph

PLAIN = (str, int, float, bool, type(None))


def to_json(graph: Graph) -> str:
    """The Graph as JSON; TypeError for anything in it that is no plain data."""
    return json.dumps(_plain(graph), allow_nan=False)


def from_json(text: str) -> Graph:
    """The Graph that was written."""
    graph = _made(Graph, json.loads(text))
    assert isinstance(graph, Graph)
    return graph


def survives(graph: Graph) -> bool:
    """Whether the Graph comes back from JSON as it was."""
    return from_json(to_json(graph)) == graph


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, array):
        return [value.typecode, list(value)]
    if isinstance(value, Mapping):
        return [[_plain(key), _plain(each)] for key, each in value.items()]
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    if type(value) not in PLAIN:
        raise TypeError(f"{value!r} of {type(value)} is no plain data")
    return value


@cache
def _hints(record: Any) -> dict[str, Any]:
    return typing.get_type_hints(record, localns={"array": list})  # before 3.12 an array takes no index


def _made(hint: Any, plain: Any) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if is_dataclass(hint):
        hints = _hints(hint)
        return typing.cast(Any, hint)(**{name: _made(hints[name], each) for name, each in plain.items()})
    if origin in (typing.Union, types.UnionType):
        given = [each for each in inner if each is not type(None)]
        return None if plain is None else _made(given[0], plain) if len(given) == 1 else plain
    if origin is list:
        return array(plain[0], plain[1])
    if origin is Mapping:
        return {_made(inner[0], key): _made(inner[1], each) for key, each in plain}
    if origin is tuple:
        each_hint = inner[:1] * len(plain) if inner[-1] is ... else inner
        return tuple(_made(each, one) for each, one in zip(each_hint, plain, strict=True))
    return plain
