"""Names of the arrays among a function's arguments: paths of their trees, as the user writes them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jax.tree_util import keystr, tree_flatten_with_path

# State that a library keeps beside its parameters, by the name of its collection.
STATE = ("batch_stats",)


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """The names of a function's positional arguments; ``argN`` where they have none."""
    names: list[str] = []
    try:
        for one in inspect.signature(function).parameters.values():
            if one.kind is one.VAR_POSITIONAL:
                break
            names.append(one.name)
    except (TypeError, ValueError):
        pass
    return [names[n] if n < len(names) else f"arg{n}" for n in range(count)]


def named_leaves(args: Sequence[Any], names: Sequence[str], any_kind: bool = False) -> Iterator[tuple[Any, str, str]]:
    """Every array among the arguments, or every leaf of ``any_kind``; its path, and the name of its argument."""
    for argument, name in zip(args, names, strict=True):
        leaves, _ = tree_flatten_with_path(argument)
        for path, leaf in leaves:
            if any_kind or (hasattr(leaf, "dtype") and hasattr(leaf, "shape")):
                yield leaf, _joined(name, keystr(path, simple=True, separator="/")), name


_NNX = re.compile(r"^states/\d+/(.*)/value$")


def _joined(argument: str, path: str) -> str:
    path = _NNX.sub(r"\1", path)
    if argument.startswith(("_", "arg")):  # a library's own name for what it passes on
        return path or argument
    return f"{argument}/{path}" if path else argument


def is_state(path: str) -> bool:
    """Whether a path names state that a library keeps, which no gradient is meant for."""
    return any(part in STATE for part in path.split("/"))


def holder(argument: str, path: str) -> str:
    """How the user reaches an array of a model that is an object: ``model.block.scale``."""
    inner = path.removeprefix(argument + "/")
    return ".".join([argument, *inner.split("/")])


def owner(path: str) -> str:
    """The part of a tree that holds an array; the array itself where it stands at the top."""
    parts = path.split("/")
    return "/".join(parts[:-1]) if len(parts) > 2 else path
