"""The way by Python for calls of compiled functions, which JAX takes once and would bypass from then on.

JAX is told to forget its shortcut after each call that is listened to, and finds it again once nobody listens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from whygrad.recorders.jax import compat
from whygrad.recorders.patching import Patches

# How often JAX asks after a call whether the next one must come by Python.
_ASKED = 2


class Detour(threading.local):
    """Whether the call that has just run in this thread is to come by Python again."""

    def __init__(self) -> None:
        self.left = 0

    def hold(self, wanted: bool) -> None:
        """A call is over; comes last, since what is run in between has calls of its own."""
        self.left = _ASKED if wanted else 0

    def install(self, patches: Patches, compiling: Any) -> None:
        """Answer JAX's question.

        Args:
            compiling: the room of JAX in which compiled functions are called.
        """
        patches.replace(compiling, compat.AGAIN, self._answering(getattr(compiling, compat.AGAIN)))

    def _answering(self, original: Callable[..., Any]) -> Callable[..., Any]:
        detour = self

        @wraps(original)
        def again(*args: Any, **kwargs: Any) -> Any:
            left, detour.left = detour.left, max(0, detour.left - 1)
            return left > 0 or original(*args, **kwargs)

        return again
