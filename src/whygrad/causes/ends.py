"""Where what a parameter gives ends, if nothing of it reaches the loss."""

from __future__ import annotations

from array import array

from whygrad.causes.once import once
from whygrad.flow import Flow
from whygrad.graph import NOWHERE


def dead_end(flow: Flow, value: int) -> int | None:
    """The value in which one that no loss depends on ends: carried so far, and no further; ``None`` if not carried.

    Of several, one that the user has a name for goes before the others, and then the latest.
    """
    end = _ends(flow)[value]
    return None if end == NOWHERE else end


@once
def _ends(flow: Flow) -> array[int]:
    """The end of each value that no loss depends on, found from the ends backwards, the best of them first."""
    graph = flow.graph
    lost = [value for value in range(graph.values) if not flow.influences(value)]
    carried = {edge.source for value in lost for edge in flow.into(value) if edge.barrier is None}
    ends = sorted(set(lost) - carried, key=lambda v: (v not in graph.labels, -graph.value_op[v]))
    found = array("q", [NOWHERE]) * graph.values
    for end in ends:
        todo = [end]
        for value in todo:
            for edge in flow.into(value):
                if edge.barrier is None and found[edge.source] == NOWHERE:
                    found[edge.source] = end
                    todo.append(edge.source)
    return found
