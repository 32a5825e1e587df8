"""The graphs behind calls: which function an operation runs, by its name or by its attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whygrad.recorders.tensorflow.log import Log

CALLS = frozenset(("PartitionedCall", "StatefulPartitionedCall", "TPUPartitionedCall"))
BRANCHES = frozenset(("If", "StatelessIf", "Case", "StatelessCase"))
LOOPS = frozenset(("While", "StatelessWhile"))


def is_call(op_type: str, attrs: Sequence[Any], log: Log) -> Any:
    """The graph behind an eager function call, ``None`` if the operation is none."""
    name = op_type
    if op_type in CALLS:
        given = dict(zip(attrs[::2], attrs[1::2], strict=False))
        name = getattr(given.get("f"), "name", given.get("f")) or ""
        name = name.decode() if isinstance(name, bytes) else str(name)
    elif not op_type.startswith("__"):
        return None
    return _graph_named(name, log)


def body_of(graph: Any, attr: Any, log: Log) -> Any:
    """The graph of a function that an operation names; ``None`` where it is not known."""
    name = attr if isinstance(attr, str) else attr.name
    outer = graph
    while outer is not None:
        found = outer._get_function(name) if outer._is_function(name) else None
        if found is not None and hasattr(found, "graph"):
            return found.graph
        outer = getattr(outer, "outer_graph", None)
    return _graph_named(name, log)


def branches_of(op: Any) -> list[Any]:
    """The functions that a conditional chooses from, in the order of its predicate: for ``If`` the true one first."""
    if op.type in ("Case", "StatelessCase"):
        return list(op.get_attr("branches"))
    return [op.get_attr("then_branch"), op.get_attr("else_branch")]


def arm(op: Any, number: int) -> str:
    """What to call one branch of a conditional on the path to a body."""
    return f"{op.name}.{number}"


def is_pipeline(op_type: str) -> bool:
    """Whether an operation makes a dataset, or takes from one."""
    return "Dataset" in op_type or "Iterator" in op_type


def _graph_named(name: str, log: Log) -> Any:
    function = log.functions.get(name)
    if function is not None:
        return function.graph
    from tensorflow.python.eager import context
    from tensorflow.python.framework import function_def_to_graph

    try:
        # Traced before we listened, or loaded: rebuilt from the runtime's own definition.
        return function_def_to_graph.function_def_to_graph(context.get_function_def(name))
    except Exception:
        return None
