"""The terminal that whygrad was started in: what it can show, and writing to it past the script's own streams."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from errno import EBADF
from typing import TextIO

from rich.console import Console

from whygrad.render.look import Look

_PIPE_WIDTH = 100  # nobody resizes a log


@dataclass(frozen=True, slots=True)
class Outlet:
    """One of the process's streams as it was at the start, whatever the script puts in its place.

    Attributes:
        descriptor: where bytes go; ``None`` where the stream was closed.
    """

    descriptor: int | None
    encoding: str

    @classmethod
    def of(cls, stream: TextIO | None) -> Outlet:
        """The outlet under a stream of ``sys``."""
        try:
            return cls(stream.fileno(), stream.encoding) if stream else cls(None, "utf-8")
        except (io.UnsupportedOperation, ValueError):
            return cls(None, "utf-8")

    def write(self, text: str) -> None:
        """Write at once and without a buffer, which a later failure could not empty; OSError where it fails."""
        if self.descriptor is None:
            raise OSError(EBADF, "the stream is closed")
        with open(self.descriptor, "wb", buffering=0, closefd=False) as raw:
            rest = memoryview(text.encode(self.encoding, "backslashreplace"))
            while rest:
                rest = rest[raw.write(rest) :]


def look_of(stream: TextIO | None) -> Look:
    """What a reader of the stream can be shown, as the terminal, NO_COLOR, FORCE_COLOR and TERM say."""
    if stream is None:
        return Look()
    console = Console(file=stream)
    color = console.color_system is not None and not console.no_color
    return Look(_width(stream), color, unicode=console.encoding.startswith("utf"))


def _width(stream: TextIO) -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _PIPE_WIDTH
    except (OSError, ValueError):
        return _PIPE_WIDTH
