"""A sink that builds every Graph of a recorder, in the process of the test."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from whygrad import spec
from whygrad.graph import Graph
from whygrad.recorders.recorder import Asked


class Ear:
    """Hears one recorder; ``graphs`` in the order of the requests."""

    def __init__(self, recorder: Any = None) -> None:
        self.recorder = recorder
        self.graphs: list[Graph] = []
        self.faults: list[BaseException] = []

    def asked(self, request: Asked) -> None:
        assert request.graph is not None
        self.graphs.append(request.graph())

    def told(self, graph: Graph) -> None:
        self.graphs.append(graph)

    def came_round(self, function: Hashable = None) -> None:
        pass

    def fault(self, framework: str, error: BaseException) -> None:
        self.faults.append(error)


def heard(recorder: Any) -> Iterator[Ear]:
    """For a fixture: an ear on a recorder that has no fault of its own, and whose Graphs are lawful."""
    ear = Ear(recorder)
    recorder.start(ear)
    yield ear
    recorder.finish(None)
    recorder.stop()
    assert not ear.faults, ear.faults
    for graph in ear.graphs:
        spec.check(graph)
