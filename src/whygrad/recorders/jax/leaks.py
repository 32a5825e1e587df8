"""Traced values that outlive their function: where each was made, for the day on which JAX meets it again."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any

import jax

from whygrad.graph import Fault
from whygrad.recorders import frames
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.trace import Trace
from whygrad.recorders.patching import Patches
from whygrad.span import Span

# What JAX says of such a value.
LEAKED = "to escape the scope of the transformation"
# What JAX raises where the number of a value is not known.
_UNKNOWN = (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError)
# So many values are kept in mind.
_MOST = 1000


class Leaks:
    """Listens to JAX making that error, which happens once at most in most runs.

    Args:
        fault: told of an error of ours.
    """

    def __init__(self, fault: Callable[[BaseException], None]) -> None:
        self.fault_of_ours = fault
        self.patches = Patches()
        self.alive: list[tuple[weakref.ref[Any], tuple[Span, ...]]] = []
        self.met: tuple[Span, ...] = ()

    def start(self) -> None:
        """Listen, where JAX makes the error as it does today."""
        room = compat.escaping()
        if room is None:
            return
        original, leaks = getattr(room, compat.ESCAPED), self

        @wraps(original)
        def escaped(tracer: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                leaks.met = leaks._born(tracer)
            except Exception as error:
                leaks.fault_of_ours(error)
            return original(tracer, *args, **kwargs)

        self.patches.replace(room, compat.ESCAPED, escaped)

    def stop(self) -> None:
        """Put back what was found."""
        self.patches.undo()

    def ended(self, trace: Trace) -> None:
        """A function is over: whatever is still alive of its values is held by somebody."""
        self.alive = [one for one in self.alive if one[0]() is not None]
        for seen, value in trace.known():
            if seen() is not None and len(self.alive) < _MOST:
                stack = trace.builder.stack_of(value)
                if stack:
                    self.alive.append((seen, stack))

    def fault(self, error: BaseException) -> Fault | None:
        """What the last such error is about, if it is known where its value was made."""
        if LEAKED not in str(error):
            return self._of_number(error)
        return Fault("leaked", self.met, True) if self.met else None

    def _of_number(self, error: BaseException) -> Fault | None:
        """The same of a value that is asked for its number where nothing is traced any more."""
        raised = compat.raised_by(error, jax.core.Tracer)
        if raised is None or not isinstance(error, _UNKNOWN) or compat.is_within(error):
            return None
        stack = self._born(raised[0])
        return Fault("leaked", stack, True) if stack else None

    def _born(self, tracer: Any) -> tuple[Span, ...]:
        for seen, stack in self.alive:
            if seen() is tracer:
                return stack
        for value in compat.below(tracer):
            places = [place for place in compat.birth(value) if frames.is_user_file(place[0].co_filename)]
            if places:
                return frames.spans(places[: frames.MOST_FRAMES])
        return ()
