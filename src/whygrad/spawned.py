"""Processes that a script spawns to train in (`torch.multiprocessing.spawn`): each is watched, and its report taken in.

What a process is handed to run begins to listen when it is unpickled there, and stands in no traceback. A process
leaves its report as a file in a folder of this run when it ends.
"""

from __future__ import annotations

import inspect
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

from whygrad import letters
from whygrad.finding import Report
from whygrad.job import merged
from whygrad.recorders import frames
from whygrad.recorders.on_import import watch_imports
from whygrad.session import Session

_MAKER, _FUNCTION = "torch.multiprocessing.spawn", "start_processes"


class Spawned:
    """The processes of one run.

    Args:
        argv: the script and its arguments; ``steps``: how many steps each records.
    """

    def __init__(self, argv: Sequence[str], steps: int) -> None:
        self.argv, self.steps = tuple(argv), steps
        self.count = 0
        self._folder: str | None = None
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Wait for the script to import what makes such processes."""
        self._unwatch = watch_imports({_MAKER: self._listen}, lambda name, error: None)

    def collected(self, own: Report) -> Report:
        """The script's own report, or where it asked for no gradient itself, that of its processes."""
        self._unwatch()
        if self._folder is None:
            return own
        reports = {}
        for path in Path(self._folder).glob("*.json"):
            with suppress(OSError, ValueError):
                reports[int(path.stem)] = letters.read(Report, path.read_text("utf-8"))
        shutil.rmtree(self._folder, ignore_errors=True)
        if own.requests or not reports:
            return own
        joined = merged(reports, self.count)
        return replace(joined, argv=own.argv, status=own.status, error=own.error)

    def folder(self) -> str:
        """Where the reports are left."""
        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="whygrad-")
        return self._folder

    def _listen(self, module: ModuleType) -> None:
        original = getattr(module, _FUNCTION)
        signature, spawned = inspect.signature(original), self

        @wraps(original)
        def start_processes(*args: Any, **kwargs: Any) -> Any:
            try:
                given = signature.bind(*args, **kwargs)
                given.apply_defaults()
            except TypeError:
                return original(*args, **kwargs)
            if given.arguments.get("start_method") == "spawn" and "fn" in given.arguments:
                place = frames.bare(frames.capture(sys._getframe(1)))
                given.arguments["fn"] = _Guided(given.arguments["fn"], spawned, place)
            return original(*given.args, **given.kwargs)

        setattr(module, _FUNCTION, start_processes)


class _Guided:
    """A function that is watched where it is unpickled."""

    def __init__(self, function: Any, spawned: Spawned, place: frames.Stack) -> None:
        self.function, self.spawned, self.place = function, spawned, place

    def __reduce__(self) -> tuple[Any, ...]:
        number, self.spawned.count = self.spawned.count, self.spawned.count + 1
        path = os.path.join(self.spawned.folder(), f"{number}.json")
        return begun, (self.function, path, self.spawned.argv, self.spawned.steps, self.place)


def begun(function: Any, path: str, argv: Sequence[str], steps: int, place: frames.Stack) -> Any:
    """Listen in this process from now on, and leave a report at its end.

    Args:
        place: where the script started it; a library may run it without another line of the script's.

    Returns:
        the function that it was spawned for.
    """
    # Not before: it takes what is the main module when it is imported for the script's.
    from multiprocessing import util

    with suppress(Exception):  # without us it runs as well
        frames.started_at(place)
        session = Session(argv, steps, lambda finding: None)
        session.start()
        util.Finalize(None, _leave, (session, path), exitpriority=100)
    return function


def _leave(session: Session, path: str) -> None:
    with suppress(Exception):
        raised = sys.exc_info()[1]
        error = raised.__context__ if isinstance(raised, SystemExit) else raised
        said = f"{type(error).__name__}: {error}" if error is not None else None
        Path(f"{path}.part").write_text(letters.written(session.close(int(error is not None), said)), "utf-8")
        os.replace(f"{path}.part", path)
