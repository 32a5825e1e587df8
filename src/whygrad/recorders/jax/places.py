"""The user's frames of equations: those in which a program was traced, and those of the call that runs it."""

from __future__ import annotations

from itertools import takewhile
from types import FrameType
from typing import Any

from whygrad.recorders import frames
from whygrad.recorders.jax import compat


def frames_of(equation: Any, head: tuple[str, str, int] | None, outer: frames.Stack) -> frames.Stack:
    """The user's frames of an equation: those inside its program, then those of the call of the program.

    A program is traced once and used again, so what its equations say of the outside may be another call's.
    """
    return (*_inside(equation, head, outer), *outer)[: frames.MOST_FRAMES]


def _inside(equation: Any, head: tuple[str, str, int] | None, outer: frames.Stack) -> list[frames.Place]:
    inside: list[frames.Place] = []
    for code, offset in compat.places(equation):
        place = (code, offset)
        if outer and place == outer[0]:
            break
        if frames.is_user_file(code.co_filename):
            inside.append(place)
        if head is not None and (code.co_filename, code.co_firstlineno) == head[1:]:
            break
    else:
        inside = [] if head is not None else _apart(inside, outer)
    return inside


def within(equation: Any, outer: frames.Stack) -> frames.Stack:
    """The user's frames of an equation inside of those around its program, innermost first."""
    return tuple(_inside(equation, None, outer))


def here(frame: FrameType) -> frames.Stack:
    """The user's frames of what runs in a frame: those that JAX has kept of a program that it runs by Python, first."""
    outer = frames.capture(frame)
    kept: list[frames.Place] = [place for place in compat.context() if frames.is_user_file(place[0].co_filename)]
    return (*_apart(kept, outer), *outer)[: frames.MOST_FRAMES] if kept else outer


def _apart(inside: list[frames.Place], outer: frames.Stack) -> list[frames.Place]:
    """The frames before the first function that the call itself stands in."""
    around = {place[0] for place in outer}
    return list(takewhile(lambda place: place[0] not in around, inside))
