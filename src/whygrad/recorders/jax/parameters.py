"""Names of the arrays among a function's arguments: paths of their trees, as the user writes them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any, NamedTuple

from jax.tree_util import keystr, tree_flatten_with_path

# State that a library keeps beside its parameters, by the name of its collection.
STATE = ("batch_stats",)
# The steps of an expression that reaches into a tree, and its beginning.
_STEPS = re.compile(r"^[^.\[/]+|\[[^\]]*\]|\.[^.\[]+|/[^/]+")


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """The names of a function's positional arguments; ``argN`` where they have none."""
    names = _positional(function)
    if names and names[0].startswith("_"):  # a library's own, around the function that the script has handed to it
        names[0] = next((_positional(inner)[0] for inner in _around(function) if _positional(inner)), names[0])
    return [names[n] if n < len(names) else f"arg{n}" for n in range(count)]


def _positional(function: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [one.name for one in takewhile(lambda one: one.kind is not one.VAR_POSITIONAL, parameters)]


def _around(function: Any) -> Iterator[Callable[..., Any]]:
    """What the objects that a closure holds are wrapped around, as Equinox does it."""
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):  # an empty cell
            inner = getattr(cell.cell_contents, "__wrapped__", None)
            if callable(inner):
                yield inner


class Named(NamedTuple):
    """An array among the arguments of a function.

    Attributes:
        path: its name, with slashes; ``written``: the same as the script writes it (``params['layers'][0]``).
        argument: the name of the argument that holds it.
    """

    leaf: Any
    path: str
    written: str
    argument: str


def named_leaves(args: Sequence[Any], names: Sequence[str], any_kind: bool = False) -> Iterator[Named]:
    """Every array among the arguments, or every leaf of ``any_kind``."""
    for argument, name in zip(args, names, strict=True):
        for path, leaf in _leaves(argument):
            if any_kind or (hasattr(leaf, "dtype") and hasattr(leaf, "shape")):
                yield _named(leaf, name, path)


def _leaves(argument: Any) -> Iterator[tuple[Any, Any]]:
    """The leaves of a tree and their paths; a variable of Flax stands for the array in it."""
    for path, leaf in tree_flatten_with_path(argument, is_leaf=_is_variable)[0]:
        inside = tree_flatten_with_path(leaf)[0] if _is_variable(leaf) else [((), leaf)]
        yield from ((path if len(inside) == 1 else (*path, *more), array) for more, array in inside)


def _is_variable(node: Any) -> bool:
    return type(node).__module__.startswith(_NNX_ROOM) and hasattr(type(node), "raw_value")


# Flax takes a model apart into states, of which it hands on trees of names.
_NNX = re.compile(r"^states/\d+/(.*?)(?:/value)?$")
_NNX_ROOM = "flax.nnx"


def _named(leaf: Any, argument: str, path: Any) -> Named:
    slashes = keystr(path, simple=True, separator="/")
    inside = _NNX.sub(r"\1", slashes)
    if argument.startswith(("_", "arg")):  # a library's own name for what it passes on
        return Named(leaf, inside or argument, "", argument)
    written = argument + keystr(path) if inside == slashes else attribute(argument, inside)
    return Named(leaf, f"{argument}/{inside}" if inside else argument, written, argument)


def attribute(argument: str, inside: str) -> str:
    """How the script reaches an array of a model that is an object: ``model.blocks[0].scale``."""
    return argument + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in inside.split("/"))


def is_state(path: str) -> bool:
    """Whether a path names state that a library keeps, which no gradient is meant for."""
    return any(part in STATE for part in path.split("/"))


def owner(name: str) -> str:
    """The part of a tree that holds an array, as the script writes it; the array itself where it stands at the top."""
    parts = _STEPS.findall(name)
    return "".join(parts[:-1]) if len(parts) > 2 else name
