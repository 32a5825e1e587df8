"""What only the end of a run can tell: what was never applied, never asked for, or made anew each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from whygrad.graph import Graph
from whygrad.recorders.tensorflow.autograph import exact_spans
from whygrad.recorders.tensorflow.byhand import note_copies
from whygrad.recorders.tensorflow.unapplied import NO_PAIRS, refused, swapped, unapplied

if TYPE_CHECKING:
    from whygrad.recorders.tensorflow import TensorFlow


def at_the_end(recorder: TensorFlow, error: str | None) -> Iterator[Graph]:
    """The Graphs of what is told when the script has ended.

    Args:
        error: in which it ended.
    """
    updates, sources = recorder.hooks.passes.updates, [one for k in recorder.known_sources.values() for one in k]
    yield from recorder.births.anew(recorder.graphs.values(), recorder.log.handles, {one.number for one in sources})
    if error is not None:
        yield from refused(updates, exact_spans, error)
        yield from swapped(updates, exact_spans)
        if NO_PAIRS in error:
            yield from _of_nothing(recorder, {one.path for one in sources}, frozen=True)
        return
    yield from _of_nothing(recorder, {one.path for one in sources}, frozen=not sources)
    if recorder.recording:
        note_copies(recorder.log, updates)
    if recorder.unanswered:
        updates.waiting.clear()  # a gradient that is missing is why nothing was applied, and is told
    most, whole = recorder.runs.most, recorder.recording
    yield from unapplied(updates, exact_spans, recorder.graphs, recorder.lives.made, most, whole)


def _of_nothing(recorder: TensorFlow, asked: set[str], frozen: bool) -> Iterator[Graph]:
    """Requests without sources.

    Args:
        asked: the paths of all that was ever asked for.
        frozen: whether a freeze may be why.
    """
    left = recorder.lives.nothing_left(recorder.empty) if recorder.empty and frozen else None
    if left is not None and left.parameters:
        yield left
    else:
        yield from recorder.unlisted.told(asked)
