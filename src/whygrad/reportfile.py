"""A report's file: written whole or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from whygrad.errors import ReportError, UsageError


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A place that a report can be written to; ``at`` has seen that it can.

    Attributes:
        path: absolute and free of symbolic links, so that a script that leaves its directory does not move it.
    """

    path: Path

    @classmethod
    def at(cls, name: str) -> ReportFile:
        """The file of that name; UsageError where nothing could be written there."""
        path = Path(name).resolve()
        try:
            if path.exists() and not stat.S_ISREG(path.stat().st_mode):
                raise UsageError(f"no report can be written to `{name}`: it is not a regular file; name a new one")
            file = cls(path)
            os.close(file._open_draft())
            file._draft.unlink()
        except OSError as error:
            raise UsageError(
                f"no report can be written to `{name}`: {_reason(error)}; name a file in a folder you may write to"
            ) from None
        return file

    def write(self, text: str) -> None:
        """Replace the file in one step; ReportError, and nothing half-written, where that fails."""
        try:
            with open(self._open_draft(), "wb") as stream:
                stream.write(text.encode())
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(self._draft, self.path)
        except BaseException as error:  # Ctrl-C leaves no draft behind either
            with suppress(OSError):
                self._draft.unlink()
            if not isinstance(error, OSError):
                raise
            raise ReportError(f"the report was not written to `{self.path}`: {_reason(error)}") from None

    @property
    def _draft(self) -> Path:
        return self.path.with_name(f".{self.path.name}.{os.getpid()}")

    def _open_draft(self) -> int:
        return os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
