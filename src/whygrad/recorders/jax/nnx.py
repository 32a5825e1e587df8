"""Variables of Flax NNX that no filter selected: what they are, where they were made, whether the model writes them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from types import FrameType, ModuleType
from typing import Any

import jax
import numpy

from whygrad.recorders import frames
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.ops import is_float
from whygrad.recorders.patching import Patches

_NEAR = 4  # frames of Flax between the user's line and ``__init__``; more, and it is Flax that copies a variable


class Variables:
    """Remembers where variables of no particular kind were made, filled with one number.

    That is what a scale or a bias looks like before training. Tables, statistics and random features do not, and
    nothing is claimed of them.
    """

    def __init__(self, fault: Callable[[BaseException], None]) -> None:
        self.fault = fault
        self.patches = Patches()
        self.plain: type | None = None
        self.made: dict[tuple[tuple[int, ...], str], set[frames.Stack]] = {}

    def start(self, module: ModuleType) -> None:
        """Flax NNX has been imported."""
        kind = getattr(module, "Variable", None)
        if not isinstance(kind, type) or self.plain is not None:
            return
        self.plain = kind
        original = kind.__init__  # type: ignore[misc]
        variables = self

        @wraps(original)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            if type(self) is kind and args:
                variables._note(args[0], sys._getframe(1))

        self.patches.replace(kind, "__init__", __init__)

    def stop(self) -> None:
        """Put back what was found."""
        self.patches.undo()

    def left_out(self, function: Any) -> Iterator[tuple[Any, str, frames.Stack]]:
        """The plain variables that a request of NNX does not differentiate: array, path, where it was made."""
        for state in getattr(function, "nondiff_states", ()):
            flat = getattr(state, "flat_state", None)
            for path, variable in flat() if flat is not None else ():
                value = getattr(variable, "raw_value", getattr(variable, "value", None))
                kind = getattr(variable, "type", type(variable))
                if kind is not self.plain or value is None or not hasattr(value, "shape"):
                    continue
                places = self.made.get((tuple(value.shape), str(value.dtype)), set())
                if len(places) == 1:
                    yield value, "/".join(map(str, path)), next(iter(places))

    def _note(self, value: Any, frame: FrameType) -> None:
        try:
            if isinstance(value, jax.core.Tracer) or not hasattr(value, "shape") or not value.shape:
                return
            if not is_float(compat.typeof(value)) or numpy.ptp(numpy.asarray(value, "float64")) != 0:
                return
            near: FrameType | None = frame
            for _ in range(_NEAR):
                if near is None or frames.is_user_file(near.f_code.co_filename):
                    break
                near = near.f_back
            if near is not None and frames.is_user_file(near.f_code.co_filename):
                key = (tuple(value.shape), str(value.dtype))
                self.made.setdefault(key, set()).add(frames.capture(near, 1))
        except Exception as error:
            self.fault(error)
