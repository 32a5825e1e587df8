"""Small graphs, built in a few lines and checked against the laws."""

from __future__ import annotations

from collections.abc import Sequence

from whygrad import spec
from whygrad.graph import Barrier, Graph, Parameter
from whygrad.recorders.builder import GraphBuilder

# One operation: its name, the tensors it reads, the one it makes, and the barrier kind per cut input position.
Line = tuple[str, Sequence[str], str] | tuple[str, Sequence[str], str, dict[int, str]]


def graph_of(
    lines: Sequence[Line], targets: Sequence[str], none: Sequence[str] = (), given: Sequence[str] = ()
) -> Graph:
    """A graph in which tensors are named by letters; names in ``none`` and ``given`` are asked parameters."""
    builder = GraphBuilder("test", "grad")
    values: dict[str, int] = {}

    def value(name: str) -> int:
        return values.setdefault(name, builder.value("float32", (2,)))

    for line in lines:
        barriers = [Barrier(i, 0, kind) for i, kind in (line[3] if len(line) > 3 else {}).items()]
        builder.op(line[0], [value(v) for v in line[1]], [value(line[2])], barriers=barriers)
    parameters = [Parameter(n, (2,), "float32", value(n), gradient="none") for n in none]
    parameters += [Parameter(n, (2,), "float32", value(n), gradient="present") for n in given]
    graph = builder.graph([value(t) for t in targets], parameters)
    spec.check(graph)
    return graph
