"""A graph of a million operations, end to end: built, its laws checked, every parameter diagnosed.

A chain of layers, each with its own line; 2,000 of them hold a parameter, in the middle stands a ``stop_gradient``,
and every hundredth layer has a dead end. No framework is imported. Prints a Markdown table.

    python benchmarks/million_ops.py [OPERATIONS]
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from whygrad import spec
from whygrad.diagnose import diagnose
from whygrad.finding import Finding
from whygrad.graph import Barrier, GradientSeen, Graph, Layer, Parameter
from whygrad.recorders.builder import GraphBuilder
from whygrad.span import Span

OPS_OF_A_LAYER = 10
PARAMETERS = 2_000
T = TypeVar("T")


def build(operations: int) -> Graph:
    """``operations`` in layers of ten, every one with a place; 2,000 of the layers hold a parameter."""
    builder = GraphBuilder("bench", "gradient")
    count = operations // OPS_OF_A_LAYER
    every = max(1, count // PARAMETERS)
    value = builder.value("float32", (8, 8))
    parameters, layers = [], []
    for number in range(count):
        place = (Span("model.py", number + 1, 1, number + 1, 9),)
        if number % every == 0:
            path = f"model/layer_{number}"
            seen: GradientSeen = "none" if number <= count // 2 else "present"
            source = builder.value("float32", (8, 8))
            parameters.append(Parameter(f"{path}/kernel", (8, 8), "float32", source, gradient=seen))
            layers.append(Layer(path, called=place))
        for step in range(OPS_OF_A_LAYER):
            inputs = [value, parameters[-1].value] if step == 0 and number % every == 0 else [value]
            made = builder.value("float32", (8, 8))
            cut = number == count // 2 and step == OPS_OF_A_LAYER - 1
            barriers = [Barrier(0, 0, "stop-gradient", "StopGradient")] if cut else []
            builder.op("StopGradient" if cut else "MatMul", inputs, [made], place, layers[-1].path, barriers)
            value = made
        if number % 100 == 0:
            builder.op("Tanh", [value], [builder.value("float32", (8, 8))], place)
    return builder.graph([value], parameters, (Span("model.py", 1, 1, 1, 9),), layers)


def measured(name: str, work: Callable[[], T]) -> T:
    """Do the work and print its line."""
    began, grown = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = work()
    spent = time.process_time() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown
    print(f"| {name} | {spent:.1f} s | {grown / 1024:.0f} MB |", flush=True)
    return result


def main() -> None:
    """Measure and print."""
    operations = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"| {operations:,} operations | CPU time | peak memory grew by |\n| --- | --- | --- |")
    graph = measured("build the Graph", lambda: build(operations))
    measured("check its laws", lambda: spec.check(graph))
    findings: list[Finding] = measured("diagnose it", lambda: diagnose(graph))
    print("\nfound:", ", ".join(f"{f.cause} ({len(f.parameters)} parameters)" for f in findings))


if __name__ == "__main__":
    main()
