"""Variables that a traced update takes and never writes: what it makes for them is read by nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from whygrad.recorders.frames import Stack
from whygrad.recorders.tensorflow.autograph import places_of

# What takes a variable and leaves it as it is.
_READS = frozenset(("ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape", "VarIsInitializedOp"))
_CARRIES = frozenset(("Identity", "Cast"))


def unwritten(graph: Any, begin: int, numbers: Sequence[int]) -> Iterator[tuple[int, Stack]]:
    """Which of these variables no operation of an update can write, and where a value for each goes nowhere.

    Args:
        graph: the one that the update was traced into; its operations from ``begin`` on are the update.
        numbers: the variables, by their handles. One that the graph never took may be a replica of another, and is
            not told.
    """
    inner = {getattr(outer, "_id", None): tensor for outer, tensor in graph.captures}
    operations = graph.get_operations()[begin:]
    taken = {tensor._id for op in operations if op.type not in _READS for tensor in op.inputs}
    for number in numbers:
        handle = inner.get(number)
        if handle is not None and handle._id not in taken:
            yield number, _lost(handle, operations)


def _lost(handle: Any, operations: Sequence[Any]) -> Stack:
    """Where the last value is made of a variable that no operation takes; empty if there is none."""
    made = {handle._id}
    found: Stack = ()
    for op in operations:
        if made.isdisjoint([tensor._id for tensor in op.inputs]):
            continue
        if op.type in _READS or op.type in _CARRIES:
            made.update(tensor._id for tensor in op.outputs)
        elif op.outputs and not any(tensor.consumers() for tensor in op.outputs):
            found = places_of(op) or found
    return found
