"""Keeps our frames out of what TensorFlow writes into its errors.

Three things of TensorFlow's hold frames: the tracebacks that it takes of operations, the "in user code" that AutoGraph
puts in front of an error's message, and the tracebacks of exceptions, from which it takes its own frames away. A thread
filters the first by file; the filter at the bottom of each thread's stack leaves nothing out, and the others add to it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

from whygrad.recorders.frames import BOTTOM, OURS
from whygrad.recorders.patching import Patches
from whygrad.recorders.tracebacks import exclude_ours


def hide_ours(patches: Patches) -> None:
    """Leave our files out of everything that TensorFlow says of frames."""
    from tensorflow.python.autograph.pyct import error_utils
    from tensorflow.python.util import traceback_utils

    patches.replace(
        error_utils, "_stack_trace_inside_mapped_code", _without_ours(error_utils._stack_trace_inside_mapped_code)
    )
    exclude_ours(traceback_utils, patches)
    _of_operations(patches)


def _without_ours(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def _stack_trace_inside_mapped_code(tb: Any, *args: Any, **kwargs: Any) -> Any:
        return original([each for each in tb if not each.filename.startswith(OURS)], *args, **kwargs)

    return _stack_trace_inside_mapped_code


def _of_operations(patches: Patches) -> None:
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
