"""Warnings that torch gives while one of our frames stands where the caller's would: they are given there again.

Python looks up who gave a warning by counting frames. The filters, the "once per line" register and the printed place
are then the script's, as without us.
"""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Any

from whygrad.recorders.patching import Patches

_HANDLER = "handle_torch_function"


def install(patches: Patches, files: frozenset[str]) -> None:
    """Listen where the interpreter shows a warning.

    Args:
        files: those of our frames that torch calls functions from.
    """
    show = warnings._showwarnmsg  # type: ignore[attr-defined]

    def _showwarnmsg(message: Any) -> None:
        if message.filename not in files:
            show(message)
            return
        ours = _first(sys._getframe(1), files, True)
        frame = _caller(ours, files)
        if ours is None or frame is None:
            show(message)
            return
        # Our own register would keep the next one from being given.
        ours.f_globals.pop("__warningregistry__", None)
        warnings.warn_explicit(
            message.message,
            message.category,
            frame.f_code.co_filename,
            frame.f_lineno,
            str(frame.f_globals.get("__name__", "<unknown>")),
            frame.f_globals.setdefault("__warningregistry__", {}),
        )

    patches.replace(warnings, "_showwarnmsg", _showwarnmsg)


def _caller(frame: FrameType | None, files: frozenset[str]) -> FrameType | None:
    """The frame that called the torch function, outside of the mode and of torch's way into it."""
    while frame is not None and frame.f_code.co_filename in files:
        frame = _first(frame, files, False)
        if frame is not None and frame.f_code.co_name == _HANDLER:
            frame = frame.f_back  # the function itself, which asked the mode first
            frame = frame.f_back if frame is not None else None
    return frame


def _first(frame: FrameType | None, files: frozenset[str], inside: bool) -> FrameType | None:
    """The innermost frame that is inside these files, or outside of them."""
    while frame is not None and (frame.f_code.co_filename in files) != inside:
        frame = frame.f_back
    return frame
