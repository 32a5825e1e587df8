"""What holds in every test: a Graph that is made comes back from JSON as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from roundtrip import survives
from warm import Servers
from whygrad.graph import Graph
from whygrad.recorders.builder import GraphBuilder


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Runs scripts where their framework is imported already."""
    made = Servers()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def every_graph_survives_json(monkeypatch: pytest.MonkeyPatch) -> None:
    original = GraphBuilder.graph

    def graph(self: GraphBuilder, *args: Any, **kwargs: Any) -> Graph:
        made = original(self, *args, **kwargs)
        assert survives(made)
        return made

    monkeypatch.setattr(GraphBuilder, "graph", graph)
