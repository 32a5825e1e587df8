"""A file that grows record by record and is whole up to its last one, whatever happens to the process or the disk."""

from __future__ import annotations

import os
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path


class Outlet:
    """Appends to a new file, without a buffer that a crash could take along.

    Args:
        path: the file; FileExistsError where there is one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._size = 0

    def write(self, record: bytes) -> None:
        """Append a record; OSError, and nothing of it in the file, where that fails."""
        try:
            written = os.write(self._descriptor, record)
            if written < len(record):
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            self._size += written
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
                os.lseek(self._descriptor, self._size, os.SEEK_SET)
            raise

    def close(self) -> None:
        """Nothing more comes."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):
                os.close(descriptor)
