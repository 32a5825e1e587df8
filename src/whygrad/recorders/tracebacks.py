"""Our frames in the tracebacks of exceptions that TensorFlow and Keras shorten before they raise them again."""

from __future__ import annotations

from typing import Any

from whygrad.recorders.frames import OURS
from whygrad.recorders.patching import Patches


def exclude_ours(module: Any, patches: Patches) -> None:
    """Have a framework leave out our frames with its own.

    Where nothing but its own is in a traceback it keeps the innermost, which a frame of ours must not replace.

    Args:
        module: its ``traceback_utils``; one that keeps its paths elsewhere is left as it is.
    """
    paths = getattr(module, "_EXCLUDED_PATHS", None)
    if isinstance(paths, tuple):
        patches.replace(module, "_EXCLUDED_PATHS", (*paths, OURS))
