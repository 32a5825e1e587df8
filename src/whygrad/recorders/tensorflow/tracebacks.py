"""Keeps our frames out of the tracebacks that TensorFlow takes of operations: it prints them in its errors.

TensorFlow lets a thread filter frames by file; the filter at the bottom of each thread's stack leaves nothing out, and
the others add to it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import wraps
from pathlib import Path
from typing import Any

from whygrad.recorders.frames import BOTTOM, OURS
from whygrad.recorders.patching import Patches


def hide_ours(patches: Patches) -> None:
    """Leave our files out of every traceback of an operation."""
    from tensorflow.python.util import tf_stack

    files = frozenset((*map(str, Path(OURS).rglob("*.py")), *_below()))
    bottom, stacks = tf_stack.SentinelFilter, tf_stack._source_filter_stacks
    begin = bottom.__init__

    @wraps(begin)
    def __init__(self: Any) -> None:
        begin(self)
        self.update()

    patches.defer(lambda: _update(stacks))
    patches.replace(bottom, "get_filtered_filenames", lambda self: files)
    patches.replace(bottom, "__init__", __init__)
    _update(stacks)


def _update(stacks: Any) -> None:
    """Make the filters that exist read their files again."""
    for filters in list(stacks.values()):
        filters[0].update()


def _below() -> Iterator[str]:
    """The files of what called us to run the script."""
    frame = sys._getframe()
    found = False
    while frame is not None:
        found = found or frame.f_code.co_filename == BOTTOM
        if found:
            yield frame.f_code.co_filename
        frame = frame.f_back  # type: ignore[assignment]
