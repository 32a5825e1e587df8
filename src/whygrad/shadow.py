"""Modules that the script has of its own, under names that we have loaded already.

A script beside a ``json.py`` or ``click.py`` imports that file; a script from standard input has a ``linecache``
that does not know its text. While we speak, the names mean our modules again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from types import ModuleType

_NEVER = {"whygrad", "__main__", "encodings"}
_aside: dict[str, ModuleType] = {}


def set_aside(folder: str) -> None:
    """Take out of ``sys.modules`` what an import would find in ``folder`` first, had we not loaded another."""
    for name in {name.partition(".")[0] for name in sys.modules} - _NEVER:
        if _is_shadowed(name, folder):
            _take(name)


def set_apart(name: str) -> None:
    """Take a module of the standard library out of ``sys.modules``, and what holds it: the script loads its own."""
    held = [name]
    for module in map(sys.modules.get, held):  # grows on the way
        held += {
            holder.partition(".")[0]
            for holder, each in sys.modules.items()
            if any(value is module for value in getattr(each, "__dict__", {}).values())
        }.intersection(sys.stdlib_module_names).difference(held)
    for each in held:
        _take(each)


def _take(name: str) -> None:
    for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
        _aside[each] = sys.modules.pop(each)


@contextmanager
def ours() -> Iterator[None]:
    """Put our modules in place for as long as we are at work: libraries import from themselves at any time."""
    theirs = {name: sys.modules[name] for name in _aside if name in sys.modules}
    sys.modules.update(_aside)
    try:
        yield
    finally:
        for name in _aside:
            sys.modules.pop(name, None)
        sys.modules.update(theirs)


def _is_shadowed(name: str, folder: str) -> bool:
    if BuiltinImporter.find_spec(name) or FrozenImporter.find_spec(name):
        return False  # found before any file, for the script too
    theirs = PathFinder.find_spec(name, [folder])
    loaded = getattr(sys.modules.get(name), "__spec__", None)
    return theirs is not None and theirs.has_location and theirs.origin != getattr(loaded, "origin", None)
