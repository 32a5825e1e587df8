"""A loss that is no tensor at all: the script ends in asking a number of Python's or NumPy's for ``backward``."""

from __future__ import annotations

import sys
from types import FrameType
from typing import NamedTuple

_NUMBERS = (bool, int, float, complex)


class Asked(NamedTuple):
    """What was raised, where, and what was asked for a backward pass: ``Python float``, ``numpy.float32``."""

    error: AttributeError
    frame: FrameType
    text: str


def asked_of_a_number(error: str | None) -> Asked | None:
    """The request that a number could not answer, if that is what the script ended in.

    Args:
        error: what it ended in, as ``Type: message``.
    """
    raised = getattr(sys, "last_value", None)  # set before anything is told of the end, as the interpreter does
    if not isinstance(raised, AttributeError) or raised.name != "backward" or error != f"AttributeError: {raised}":
        return None
    kind, trace = type(raised.obj), raised.__traceback__
    if trace is None or not (kind in _NUMBERS or kind.__module__ == "numpy"):
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return Asked(raised, trace.tb_frame, f"Python {kind.__name__}" if kind in _NUMBERS else f"numpy.{kind.__name__}")
