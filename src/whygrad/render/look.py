"""How a report may look where it is read, and the one place where styled lines become a string."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

# Sixteen colours, so that the terminal's own palette decides: it suits a dark and a light background alike.
THEME = Theme(
    {
        "error": "bold red",
        "warning": "bold yellow",
        "note": "bold cyan",
        "help": "bold green",
        "proven": "bold green",
        "shown": "bold green",
        "likely": "bold",
        "unproven": "bold",
        "title": "bold",
        "edge": "bold bright_blue",
        "aside": "bold bright_blue",
        # Words beside a stroke: yellow and cyan are too faint for them on a light background.
        "said.error": "bold red",
        "said.warning": "bold",
        "said.note": "bold",
        "said.aside": "bold bright_blue",
        "removed": "red",
        "added": "green",
        "faint": "dim",
    },
    inherit=False,
)


@dataclass(frozen=True, slots=True)
class Look:
    """What the reader's window can show.

    Attributes:
        width: cells in a line.
        color: whether ANSI styles may be used; whoever makes the Look has asked the terminal and NO_COLOR.
        unicode: whether anything beyond ASCII may be shown; if not, it is escaped.
        cwd: the directory that paths are told from.
    """

    width: int = 80
    color: bool = False
    unicode: bool = True
    cwd: str = field(default_factory=os.getcwd)

    def path(self, file: str) -> str:
        """``file`` relative to ``cwd`` where it lies inside it, else as it is."""
        path = PurePath(file)
        inside = path.is_absolute() and path.is_relative_to(self.cwd)
        return str(path.relative_to(self.cwd)) if inside else file


def paint(lines: Iterable[Text], look: Look) -> str:
    """The lines as one string; no line is wrapped or cropped here, and the environment has no say."""
    console = _console(look)
    with console.capture() as capture:
        for line in lines:
            console.print(line, soft_wrap=True)
    return capture.get().removesuffix("\n")


def draw(table: Table, look: Look) -> str:
    """A table as one string, as wide as the window at most."""
    console = _console(look, max(look.width, 1))
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _console(look: Look, width: int | None = None) -> Console:
    return Console(
        file=io.StringIO(),
        width=width,
        theme=THEME,
        force_terminal=look.color,
        color_system="standard" if look.color else None,
        no_color=not look.color,
        force_jupyter=False,
        legacy_windows=False,
        _environ={},
    )
