"""What is to be run, found and read before anything of it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Literal

from whygrad.errors import UsageError
from whygrad.nearest import did_you_mean

Kind = Literal["script", "module", "stdin"]


@dataclass(frozen=True, slots=True)
class Target:
    """What to run.

    Attributes:
        name: the script or module as it was named on the command line; ``-`` for stdin.
        arguments: what follows it.
        source: its text; empty for a module, which the import system reads.
    """

    kind: Kind
    name: str
    arguments: tuple[str, ...] = ()
    source: bytes = b""

    @property
    def argv(self) -> tuple[str, ...]:
        """The command line after ``python``."""
        return (*(["-m"] if self.kind == "module" else []), self.name, *self.arguments)


def locate(name: str, arguments: Iterable[str], *, module: bool) -> Target:
    """The target of that name, read; UsageError where there is none."""
    _check_here()
    if module:
        _check_module(name)
        return Target("module", name, tuple(arguments))
    if name == "-":
        return Target("stdin", name, tuple(arguments), sys.stdin.buffer.read() if sys.stdin else b"")
    return Target("script", name, tuple(arguments), _read(name))


def _check_here() -> None:
    """Every relative path in a report is told from the current directory."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise UsageError("the current directory does not exist any more: change to one that does") from None


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except FileNotFoundError:
        raise UsageError(_missing(Path(name))) from None
    except IsADirectoryError:
        raise UsageError(_directory(Path(name))) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"script `{name}` cannot be read: {reason}") from None


def _missing(script: Path) -> str:
    folder = script.parent
    if not folder.is_dir():
        return f"no script `{script}`: there is no folder `{folder}` in `{Path.cwd()}`"
    hint = did_you_mean(script.name, [each.name for each in folder.iterdir() if each.is_file()])
    return f"no script `{script.name}` in `{folder.resolve()}`: {hint or 'name a script that exists'}"


def _directory(folder: Path) -> str:
    scripts = sorted(folder.glob("*.py"))
    return f"`{folder}` is a directory: name a script" + (f" in it, such as `{scripts[0]}`" if scripts else "")


def _check_module(name: str) -> None:
    """Refuse what is certain not to exist; anything more would import the module's package."""
    package = name.partition(".")[0]
    here = os.getcwd()
    if not package or not (PathFinder.find_spec(package, [here]) or find_spec(package)):
        hint = did_you_mean(package, [each.name for each in iter_modules([here])])
        raise UsageError(f"no module `{name}` in `{here}` or among the installed ones: {hint or 'check the name'}")
