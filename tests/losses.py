"""Small losses of data and of weight penalties, in which numbers and arrays are told apart by their letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphs import Line
from whygrad.graph import Barrier, GradientSeen, Graph, Layer, Parameter
from whygrad.recorders.builder import GraphBuilder

NUMBERS = "pqrstlk"  # rank 0; every other letter is an array


def loss_of(
    lines: Sequence[Line],
    parameters: str,
    seen: Mapping[str, GradientSeen] | None = None,
    framework: str = "tensorflow",
) -> Graph:
    """A graph with the loss ``l`` whose parameters belong to a layer that no operation runs in."""
    builder = GraphBuilder(framework, "grad")
    values: dict[str, int] = {}

    def value(name: str) -> int:
        return values.setdefault(name, builder.value("float32", () if name in NUMBERS else (2, 3)))

    for line in lines:
        barriers = [Barrier(i, 0, kind) for i, kind in (line[3] if len(line) > 3 else {}).items()]
        builder.op(line[0], [value(v) for v in line[1]], [value(line[2])], barriers=barriers)
    made = [
        Parameter(n, (2, 3), "float32", value(n), gradient=(seen or {}).get(n, "present"), owner="layer")
        for n in parameters
    ]
    graph = builder.graph([value("l")], made)
    return replace(graph, layers=(Layer("layer"),))


# The data `x` meets `v`; `w` is only squared, summed, scaled by the constant `k`, and added.
DATA: list[Line] = [("MatMul", "xv", "y"), ("Square", "y", "z"), ("Mean", "z", "p")]
PENALTY: list[Line] = [("Square", "w", "a"), ("Sum", "a", "q"), ("Mul", "qk", "r")]
PENALISED: list[Line] = [*DATA, *PENALTY, ("AddV2", "pr", "l")]
