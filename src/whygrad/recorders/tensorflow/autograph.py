"""AutoGraph rewrites the user's functions into generated files; this leads back to the user's own lines."""

from __future__ import annotations

from collections.abc import Mapping
from types import FrameType

from whygrad.recorders.frames import AUTOGRAPH, Place, Stack


def user_places(stack: Stack, frame: FrameType) -> Stack:
    """The stack with every place in a generated file replaced by the user's file, line and function.

    Args:
        stack: places as captured from ``frame``.
        frame: where the capture began; its line numbers are current only now.
    """
    if not any(AUTOGRAPH in place[0].co_filename for place in stack if not isinstance(place[0], str)):
        return stack
    mapping = _source_map()
    lines = _lines(frame)
    mapped: list[Place] = []
    for place in stack:
        code = place[0]
        if isinstance(code, str) or AUTOGRAPH not in code.co_filename:
            mapped.append(place)
            continue
        origin = mapping.get((code.co_filename, lines.get((id(code), place[1]), 0)))
        if origin is not None:
            mapped.append((*origin, code, place[1]))
    return tuple(mapped)


def _lines(frame: FrameType | None) -> dict[tuple[int, int], int]:
    lines = {}
    while frame is not None:
        lines[(id(frame.f_code), frame.f_lasti)] = frame.f_lineno
        frame = frame.f_back
    return lines


def _source_map() -> Mapping[tuple[str, int], tuple[str, int, str]]:
    """Generated (file, line) to the user's (file, line, function), as TensorFlow's own tracebacks use it."""
    from tensorflow.python.util import tf_stack

    mapper = tf_stack._source_mapper_stacks[tf_stack._get_thread_key()][-1]
    mapping: Mapping[tuple[str, int], tuple[str, int, str]] = mapper.get_effective_source_map()
    return mapping
