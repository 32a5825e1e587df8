"""What a function is called with while it is traced: which placeholders stand for which tensors of the script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from whygrad.recorders.frames import local_variables

_FILE = "polymorphic_function.py"
_CALL = "_call"


def passed(graph: Any, frame: FrameType | None) -> list[tuple[Any, Any]]:
    """A placeholder of a function that is being traced with the tensor that it was given, for each that is known.

    Args:
        graph: the function's own.
        frame: one that runs below the call.
    """
    captured = {inner._id for _, inner in graph.captures}
    placeholders = [op.outputs[0] for op in graph.get_operations() if op.type == "Placeholder"]
    placeholders = [tensor for tensor in placeholders if tensor._id not in captured]
    given = _arguments(graph, frame)
    fitting = len(given) == len(placeholders) and all(map(_is_like, placeholders, given))
    return [pair for pair in zip(placeholders, given, strict=False) if hasattr(pair[1], "_numpy_internal")] * fitting


def _arguments(graph: Any, frame: FrameType | None) -> Sequence[Any]:
    from tensorflow.python.util import nest

    while frame is not None:
        if frame.f_code.co_name == _CALL and frame.f_code.co_filename.endswith(_FILE):
            held = dict(local_variables(frame))
            named = getattr(held.get("self"), "_name", None)
            given = nest.flatten((held.get("args", ()), held.get("kwds", {})), expand_composites=True)
            return list(_tensors(given)) if named == graph.name else ()
        frame = frame.f_back
    return ()


def _tensors(given: Sequence[Any]) -> Iterator[Any]:
    """What becomes a placeholder each."""
    return (one for one in given if hasattr(one, "dtype") and hasattr(one, "shape"))


def _is_like(placeholder: Any, given: Any) -> bool:
    is_tensor = hasattr(given, "_numpy_internal")
    return not is_tensor or (placeholder.dtype == given.dtype and placeholder.shape.is_compatible_with(given.shape))
