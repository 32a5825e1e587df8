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
            file._draft(b"").unlink()
        except OSError as error:
            raise UsageError(
                f"no report can be written to `{name}`: {_reason(error)}; name a file in a folder you may write to"
            ) from None
        return file

    def write(self, text: str) -> None:
        """Replace the file in one step; ReportError, and nothing half-written, where that fails."""
        try:
            draft = self._draft(text.encode())
            try:
                os.replace(draft, self.path)
            except OSError:
                draft.unlink()
                raise
        except OSError as error:
            raise ReportError(f"the report was not written to `{self.path}`: {_reason(error)}") from None

    def _draft(self, data: bytes) -> Path:
        """The data, safe on disk under a name of its own beside the file; nothing is left if that fails."""
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            with suppress(OSError):
                draft.unlink()
            raise
        return draft


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
