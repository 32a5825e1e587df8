"""The folder of a run: a new one each time, so that no earlier run is written over."""

from __future__ import annotations

import os
import re
from pathlib import Path

from whygrad.errors import UsageError

MOST_RUNS = 100_000


def new_folder(parent: str, script: str) -> Path:
    """Make ``<parent>/<script>-<number>`` with the first number that is free; UsageError where that can not be.

    Returns:
        an absolute path, so that a script that leaves its directory does not move it.
    """
    root = Path(parent).resolve()
    stem = re.sub(r"[^\w.-]+", "-", Path(script).stem).strip("-.") or "stdin"
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in range(_last(root, stem) + 1, MOST_RUNS):
            folder = root / f"{stem}-{number}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue  # another process was faster
            (folder / ".probe").touch()
            (folder / ".probe").unlink()
            return folder
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"`{parent}` can not hold what is watched: {reason}; name a folder you may write to") from None
    raise UsageError(f"`{parent}` holds {MOST_RUNS} runs of `{stem}`; name another folder")


def remove_if_empty(folder: Path) -> None:
    """Take the run's folder away, and the one around it, where nothing was written."""
    for each in (folder, folder.parent):
        try:
            os.rmdir(each)
        except OSError:
            return


def _last(root: Path, stem: str) -> int:
    numbers = (each.name.removeprefix(f"{stem}-") for each in root.glob(f"{stem}-*"))
    return max((int(number) for number in numbers if number.isdecimal()), default=0)
