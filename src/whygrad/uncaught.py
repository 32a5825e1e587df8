"""What the interpreter does with an exception that nobody caught, without showing our frames in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import pairwise
from types import TracebackType
from typing import NoReturn

from whygrad.ending import Ending
from whygrad.recorders.frames import is_user_file

INTERRUPTED = 128 + 2  # what a shell says of a process that died of SIGINT
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_BOTTOM = _OURS + "run.py"  # below its frames stands what started whygrad, and above them the script


def settle(error: BaseException) -> Ending:
    """Print the exception, or the message of a SystemExit, as the interpreter would, and say how the script ended."""
    if isinstance(error, SystemExit):
        return _leave(error)
    hide_own_frames(error)
    left = show(error)
    if left is not None:
        return _leave(left)
    return Ending(INTERRUPTED if type(error) is KeyboardInterrupt else 1, describe(error))


def describe(error: BaseException) -> str:
    """``Type: message``, or the type alone where there is no message to be had."""
    try:
        message = str(error)
    except Exception:
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def show(error: BaseException) -> SystemExit | None:
    """Hand the exception to ``sys.excepthook``; a hook may exit, and then its SystemExit is returned."""
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except SystemExit as left:
        return left
    except BaseException as second:
        hide_own_frames(second)
        _write("Error in sys.excepthook:\n")
        sys.__excepthook__(type(second), second, second.__traceback__)
        _write("\nOriginal exception was:\n")
        sys.__excepthook__(type(error), error, error.__traceback__)
    return None


def die_of_interrupt() -> NoReturn:
    """Let the process die of SIGINT when nothing more is to be shown."""
    sys.excepthook = lambda *_: None
    raise KeyboardInterrupt


def hide_own_frames(error: BaseException) -> None:
    """Take whygrad's frames out of the tracebacks of an exception and of all that it was raised from or groups."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        # Not by assignment: the class may refuse attributes.
        BaseException.with_traceback(current, _without_own(current.__traceback__))
        pending += (current.__cause__, current.__context__)
        if isinstance(current, BaseExceptionGroup):
            pending += current.exceptions


def _without_own(traceback: TracebackType | None) -> TracebackType | None:
    files = [(each, each.tb_frame.f_code.co_filename) for each in _walk(traceback)]
    # A framework may lay the whole stack into a traceback, from the console script on.
    start = max((index for index, (_, file) in enumerate(files) if file == _BOTTOM), default=-1) + 1
    kept = _shown(files[start:])
    for each, following in pairwise([*kept, None]):
        if each is not None:
            each.tb_next = following
    return kept[0] if kept else None


def _shown(files: list[tuple[TracebackType, str]]) -> list[TracebackType]:
    """What is not ours, nor there because of us: a function that asked a mode of ours first, and ran after that."""
    kept: list[TracebackType] = []
    behind = False  # whether the last one was ours
    for each, file in files:
        if file.startswith(_OURS):
            behind = True
            continue
        if behind and len(kept) > 1 and kept[-2].tb_frame.f_code is each.tb_frame.f_code and not _scripts(kept[-2:]):
            del kept[-2:]  # its first try, and what handed that over to us
        behind = False
        kept.append(each)
    return kept


def _scripts(entries: list[TracebackType]) -> bool:
    return any(is_user_file(each.tb_frame.f_code.co_filename) for each in entries)


def _walk(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _leave(error: SystemExit) -> Ending:
    code = error.code
    if code is None:
        return Ending(0)
    if isinstance(code, int):
        return Ending(code & 0xFF)
    _write(f"{code}\n")
    return Ending(1, describe(error))


def _write(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)
