"""A sink that builds nothing: what a benchmark measures is the listening."""

from __future__ import annotations

from collections.abc import Hashable

from whygrad.graph import Graph
from whygrad.recorders.recorder import Asked


class Deaf:
    """Takes in everything, and does nothing with it."""

    def asked(self, request: Asked) -> None:
        """Nothing."""

    def told(self, graph: Graph) -> None:
        """Nothing."""

    def came_round(self, function: Hashable = None) -> None:
        """Nothing."""

    def fault(self, framework: str, error: BaseException) -> None:
        """A broken recorder must not look cheap."""
        raise error
