"""What TensorFlow and Keras trace for themselves, noted at once when it is over.

The operations of an update are most of a training step's, and all of them come from one line of the script. To be told
of each costs more than making it: TensorFlow writes out its definition for that. So nobody listens meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from whygrad.recorders.frames import Stack
from whygrad.recorders.tensorflow import autograph
from whygrad.recorders.tensorflow.log import Log
from whygrad.recorders.tensorflow.tapes import building


class Quiet(NamedTuple):
    """A pass that nobody listens to.

    Attributes:
        heard: listens again.
        before: how many operations its graph had.
        stack, scope: where all that it makes comes from.
    """

    heard: Callable[[], None]
    graph: Any
    before: int
    stack: Stack
    scope: str


def begin(log: Log, silence: Callable[[], Callable[[], None]], frame: FrameType) -> Quiet | None:
    """A pass that is traced begins; ``None`` if it has to be heard: it is not traced, or a tape follows it.

    Args:
        silence: spares this thread our callback, and returns how to hear again.
        frame: of the pass.
    """
    graph, local = building(), log.local
    if graph is None or local.tapes:
        return None
    scope = local.scope[-1] if local.scope else ""
    return Quiet(silence(), graph, len(graph.get_operations()), autograph.capture(frame), scope)


def end(log: Log, quiet: Quiet) -> None:
    """It is over: note what it made, but for what has been noted on the way."""
    quiet.heard()
    places, place = log.traced.setdefault(quiet.graph, {}), (quiet.stack, quiet.scope)
    for op in quiet.graph.get_operations()[quiet.before :]:
        places.setdefault(op.name, place)
