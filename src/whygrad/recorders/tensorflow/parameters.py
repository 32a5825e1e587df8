"""Which parameters, the names users know them by, and their history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

from whygrad.graph import GradientSeen, Shape
from whygrad.recorders.frames import is_user_file, is_users_object, local_variables

_DEFAULT_NAMES = ("Variable", "variable")


@dataclass(frozen=True, slots=True)
class Source:
    """One flattened source of a request.

    Attributes:
        number: tensor id, or that of the variable's handle; ``None`` for what is no tensor.
    """

    number: int | None
    path: str
    shape: Shape | None
    dtype: str
    is_variable: bool
    trainable: bool
    seen: GradientSeen


def number_of(source: Any) -> int | None:
    """The id by which recorded operations know a tensor or variable."""
    if hasattr(type(source), "_maybe_autocast") and source._value is not None:
        source = source._value  # what Keras' own way to the handle leads to, past what it asks on it each time
    number = getattr(getattr(source, "handle", source), "_id", None)
    return number if isinstance(number, int) else None


def describe(source: Any, names: Mapping[int, str], position: int, seen: GradientSeen) -> Source:
    """The facts of one source.

    Args:
        names: identity of an object to the name that the user's frame holds it by.
    """
    is_variable = hasattr(source, "handle") or hasattr(source, "assign")
    shape = getattr(source, "shape", None)
    dims = getattr(shape, "as_list", None)
    known = None
    if shape is not None and getattr(shape, "rank", 0) is not None:
        known = tuple(dims() if dims else shape)
    dtype = getattr(source, "dtype", None)
    return Source(
        number_of(source),
        path_of(source, names, position, is_variable),
        known,
        str(getattr(dtype, "name", dtype)),
        is_variable,
        bool(getattr(source, "trainable", True)),
        seen,
    )


def path_of(source: Any, names: Mapping[int, str], position: int, is_variable: bool = True) -> str:
    """Keras' path; else the variable's own name; else the user's; else its place in the request."""
    path = getattr(source, "path", None)
    if isinstance(path, str) and path:
        return path
    held = names.get(id(source))
    if is_variable:
        name = str(getattr(source, "name", ""))
        if name.rsplit("/", 1)[-1].removesuffix(":0") not in _DEFAULT_NAMES and name:
            # Legacy Keras and its users write `pred/kernel:0`.
            return name if "/" in name else name.removesuffix(":0")
    return held or f"sources[{position}]"


def held_names(frame: FrameType | None, most_frames: int = 4) -> tuple[dict[int, str], dict[int, tuple[str, str]]]:
    """What the user's frames call their objects.

    Returns:
        identity to name, for tensors and variables found in locals, one attribute or container deep;
        and tensor id to (name, function that holds it).
    """
    names: dict[int, str] = {}
    labels: dict[int, tuple[str, str]] = {}
    found = 0
    while frame is not None and found < most_frames:
        if is_user_file(frame.f_code.co_filename):
            found += 1
            function = frame.f_code.co_qualname
            for name, value in local_variables(frame):
                if name.startswith("__") or not name.strip("_"):
                    continue  # `_` says that nobody wants it
                for path, item in _items(name, value):
                    names.setdefault(id(item), path)
                    number = getattr(item, "_id", None)
                    if isinstance(number, int):
                        labels.setdefault(number, (path, function))
        frame = frame.f_back
    return names, labels


def _items(name: str, value: Any, deep: int = 2) -> Iterator[tuple[str, Any]]:
    if hasattr(type(value), "_id") or hasattr(type(value), "assign"):
        yield name, value
    elif deep and isinstance(value, dict):
        for key, item in list(value.items())[:200]:
            yield from _items(f"{name}[{key!r}]", item, deep - 1)
    elif deep and isinstance(value, (list, tuple)):
        for index, item in enumerate(value[:200]):
            yield from _items(f"{name}[{index}]", item, deep - 1)
    elif deep and hasattr(value, "__dict__") and not isinstance(value, type) and is_users_object(value):
        for key, item in list(vars(value).items())[:200]:
            if not key.startswith("__"):
                yield from _items(f"{name}.{key.removeprefix('_')}", item, deep - 1)
