"""Sums of gradients that a traced function has set to zero before it hands them to an optimizer."""

from __future__ import annotations

from typing import Any

from whygrad.recorders.tensorflow.assembly import is_write
from whygrad.recorders.tensorflow.backwards import zero_by_construction


def holds_zeros(gradient: Any, graph: Any) -> bool:
    """Whether a variable that stands for a gradient, or what was read of one, is zero whatever is fed to a graph.

    Args:
        graph: the one that is being built.
    """
    handle = getattr(gradient, "handle", None)
    operations = graph.get_operations()
    if handle is not None:
        handle = next((inner for outer, inner in graph.captures if outer is handle), handle)
    else:
        read = _read(getattr(gradient, "op", None))
        if read is None or read.graph is not graph:
            return False
        handle, operations = read.inputs[0], operations[: operations.index(read)]
    writes = [op for op in operations if is_write(op.type, op.inputs) and op.inputs[0] is handle]
    return bool(writes) and writes[-1].type == "AssignVariableOp" and zero_by_construction(writes[-1].inputs[1])


def _read(op: Any) -> Any:
    """The read of a variable that an operation hands on as it is."""
    while op is not None and op.type == "Identity":
        op = op.inputs[0].op
    return op if op is not None and op.type == "ReadVariableOp" else None
