"""What a filter of Equinox leaves out of a module although it looks like a parameter: static arrays, plain numbers."""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from types import CodeType
from typing import Any, NamedTuple, get_type_hints

import jax

from whygrad.recorders import frames
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.ops import is_float

# Type hints of these rooms stand for arrays.
_ARRAYS = ("jax", "jaxlib", "jaxtyping")
STATIC, NUMBER = "static", "no array"
_MOST = 2000  # parts of a module that are looked at


class LeftOut(NamedTuple):
    """A part that is left out.

    Attributes:
        value: the array, or the number.
        path: with slashes; ``made``: where it is declared static, or where the number is put.
        kind: ``STATIC`` or ``NUMBER``.
    """

    value: Any
    path: str
    made: frames.Stack
    kind: str


def left_out(given: Sequence[Any]) -> Iterator[LeftOut]:
    """What is left out of the modules that were taken apart into the first two of these."""
    module = getattr(sys.modules.get("equinox"), "Module", None)
    if module is None or len(given) < 2 or not isinstance(given[0], module) or type(given[0]) is not type(given[1]):
        return
    todo: list[tuple[Any, tuple[str, ...]]] = [(given[1], ())]
    for part, path in todo:  # grows on the way
        if isinstance(part, module):
            yield from _of(part, path)
        more = [(each, (*path, n)) for n, each in _inside(part) if isinstance(each, (module, list, tuple, dict))]
        todo += more[: max(0, _MOST - len(todo))]


def _inside(part: Any) -> list[tuple[str, Any]]:
    if isinstance(part, (list, tuple)):
        return [(str(n), each) for n, each in enumerate(part)]
    if isinstance(part, dict):
        return [(str(name), each) for name, each in part.items()]
    return [(f.name, getattr(part, f.name, None)) for f in fields(part) if not f.metadata.get("static")]


def _of(module: Any, path: tuple[str, ...]) -> Iterator[LeftOut]:
    kind = type(module)
    if not frames.is_users_object(module):
        return
    for field in fields(module):
        value, static = getattr(module, field.name, None), bool(field.metadata.get("static"))
        name = "/".join((*path, field.name))
        if static and isinstance(value, jax.Array) and is_float(compat.typeof(value)):
            yield LeftOut(value, name, _declared(kind, field.name) or _stored(kind, field.name), STATIC)
        elif not static and type(value) is float and _is_array(kind, field.name):
            yield LeftOut(value, name, _stored(kind, field.name) or _declared(kind, field.name), NUMBER)


def _is_array(kind: type, name: str) -> bool:
    try:
        hint = get_type_hints(kind).get(name)
    except Exception:
        return False  # hints that can not be looked up
    return isinstance(hint, type) and hint.__module__.split(".")[0] in _ARRAYS


def _stored(kind: type, name: str) -> frames.Stack:
    """Where the constructor of a class puts the attribute."""
    code = getattr(inspect.unwrap(vars(kind).get("__init__", None) or (lambda: None)), "__code__", None)
    if not isinstance(code, CodeType) or not frames.is_user_file(code.co_filename):
        return ()
    found = [s.offset for s in dis.get_instructions(code) if s.opname == "STORE_ATTR" and s.argval == name]
    return ((code, found[-1]),) if found else ()


def _declared(kind: type, name: str) -> frames.Stack:
    """The line of a class that declares the field."""
    try:
        lines, first = inspect.getsourcelines(kind)
    except (OSError, TypeError):
        return ()
    at = next((n for n, line in enumerate(lines) if line.split(":")[0].strip() == name and ":" in line), None)
    return () if at is None else ((inspect.getsourcefile(kind) or "", first + at, kind.__qualname__, None, 0),)
