"""A loss that Keras refuses before a gradient is asked for: what the way to it was, while its tensor is at hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from whygrad.graph import GradientSeen, Graph
from whygrad.recorders.tensorflow import autograph
from whygrad.recorders.tensorflow.closing import close
from whygrad.recorders.tensorflow.parameters import describe, held_names
from whygrad.recorders.tensorflow.requests import Request

if TYPE_CHECKING:
    from whygrad.recorders.tensorflow import TensorFlow

# A value that was outside of TensorFlow comes back without a shape, and that is what Keras stumbles over.
_LEFT = "left-framework"
_NONE: GradientSeen = "none"
_NOTE = "the exception comes from this, too: what comes back has no shape that is known"


def refused(recorder: TensorFlow, model: Any, error: Exception, frame: FrameType) -> Graph | None:
    """The Graph of what Keras held in its hand when it raised, if only that cuts the model's variables off.

    Args:
        model: what was fitted; ``frame``: the script's.
    """
    recorder.births.refused(error)
    tensor = next(_symbolic(error.__traceback__), None)
    variables = list(model.trainable_variables)
    if tensor is None or any(recorder.lives.is_asked(v) for v in variables):
        return None
    request = Request(
        "keras.Model.fit",
        None,
        tensor,
        variables,
        tuple(_NONE for _ in variables),
        [None] * len(variables),
        error,
        frame,
        autograph.capture(frame),
        0,
        False,
    )
    names, labels = held_names(frame)
    sources = [describe(one, names, n, "none") for n, one in enumerate(variables)]
    graph = close(recorder, request, sources, labels)[0]
    cut = tuple(replace(p, asked=p.asked and _is_cut(graph, p.value)) for p in graph.parameters)
    told = replace(graph, parameters=cut, notes=(*graph.notes, _NOTE))
    return told if any(p.asked for p in cut) else None


def _is_cut(graph: Graph, value: int) -> bool:
    """Whether a value comes to a barrier behind which it has left TensorFlow."""
    reached = {value}
    for op in range(len(graph)):
        read = [n for n, one in enumerate(graph.inputs(op)) if one in reached]
        if any(b.input in read and b.kind == _LEFT for b in graph.barriers.get(op, ())):
            return True
        if read:
            reached.update(graph.outputs(op))
    return False


def _symbolic(traceback: TracebackType | None) -> Iterator[Any]:
    """The traced tensors that the frames of an error hold and that have no shape, the innermost frame first."""
    frames = []
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    for frame in reversed(frames):
        for held in list(frame.f_locals.values()):
            traced = hasattr(held, "op") and hasattr(held, "graph") and not hasattr(held, "_numpy_internal")
            if traced and held.dtype.is_floating and held.shape.rank is None:
                yield held
