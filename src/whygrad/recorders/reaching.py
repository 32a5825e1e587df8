"""Which values the derivative of a request reaches, read off a Graph."""

from __future__ import annotations

from whygrad.graph import NOWHERE, Graph


def carried(graph: Graph) -> set[int]:
    """The values from which a way without a barrier leads to a target."""
    reached = {t for t in graph.targets if t != NOWHERE}
    before = -1
    while len(reached) != before:  # more than once where loops lead back
        before = len(reached)
        for op in range(len(graph) - 1, -1, -1):
            outputs = graph.outputs(op)
            hit = [o for o, value in enumerate(outputs) if value in reached]
            if hit:
                stops = {(b.input, b.output) for b in graph.barriers.get(op, ())}
                reached.update(v for i, v in enumerate(graph.inputs(op)) if any((i, o) not in stops for o in hit))
    return reached


def leading_to(graph: Graph, values: set[int]) -> set[int]:
    """The values from which a way without a barrier leads to any of the given ones."""
    from dataclasses import replace

    return carried(replace(graph, targets=tuple(values)))
