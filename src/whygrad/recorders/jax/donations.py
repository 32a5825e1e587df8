"""Arrays that a compiled call uses up (``donate_argnums``), and where: for the day on which one is read again."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator, Sequence
from types import FrameType, TracebackType
from typing import Any

import jax

from whygrad.graph import Fault
from whygrad.recorders import frames
from whygrad.recorders.jax import compat

# What JAX says of such an array, by Python and by its shortcut.
DELETED = ("Array has been deleted", "Buffer has been deleted or donated")
# So many arrays are looked at.
_MOST = 10_000


class Donations:
    """The calls that used something up: by their place the types and, of the last call there, the arrays."""

    def __init__(self) -> None:
        self.types: dict[frames.Stack, set[str]] = {}
        self.arrays: dict[frames.Stack, list[weakref.ref[Any] | None]] = {}

    def note(self, args: Sequence[Any], donated: Sequence[bool], stack: frames.Stack) -> None:
        """A call is about to use up some of its arguments."""
        dying = [a for a, d in zip(args, donated, strict=True) if d and isinstance(a, jax.Array) and not is_deleted(a)]
        if dying and stack:
            self.types.setdefault(stack, set()).update(str(a.aval) for a in dying)
            self.arrays[stack] = [compat.reference(a) for a in dying]

    def fault(self, error: BaseException) -> Fault | None:
        """Where an array was used up that the script reads again, if an error is about that."""
        if not any(text in str(error) for text in DELETED):
            return None
        dead = list(_deleted(error))
        for same in (self._was, self._was_like):
            places = [stack for stack in self.types if any(same(stack, array) for array in dead)]
            if len(places) == 1:
                return Fault("donated", frames.spans(places[0]), True)
        return None

    def _was(self, stack: frames.Stack, array: Any) -> bool:
        return any(seen is not None and seen() is array for seen in self.arrays[stack])

    def _was_like(self, stack: frames.Stack, array: Any) -> bool:
        return str(array.aval) in self.types[stack]


def _deleted(error: BaseException) -> Iterator[Any]:
    """The arrays without a buffer that the user's frames can name, those of an error and those that run now."""
    held: list[Any] = []
    for frame in _frames(error.__traceback__):
        if frames.is_user_file(frame.f_code.co_filename):
            known = frame.f_globals
            held += [known[name] for name in frame.f_code.co_names if name in known]
            if frame.f_locals is not known:
                held += [value for _, value in frames.local_variables(frame)]
    leaves = [leaf for value in held for leaf in _leaves(value)]
    yield from (leaf for leaf in leaves[:_MOST] if is_deleted(leaf))


def _frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _leaves(value: Any) -> list[Any]:
    try:
        return list(jax.tree_util.tree_leaves(value))
    except Exception:
        return []


def is_deleted(value: Any) -> bool:
    """Whether a value is an array that was used up; what is being traced is none, and does not like to be asked."""
    return isinstance(value, jax.Array) and not isinstance(value, jax.core.Tracer) and bool(value.is_deleted())
