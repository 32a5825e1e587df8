"""Requests that are given an empty list of sources: what the loss was computed from, and nobody asks for.

A list that was taken from a model before it made its variables stays empty. That a request is given an empty list is
no fault by itself (a layer without weights); the variables that its loss depends on must be asked for by nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import replace

from whygrad.graph import Event, Graph


class Unlisted:
    """The requests without sources, by their place."""

    def __init__(self) -> None:
        self._graphs: dict[Hashable, Graph] = {}
        self._tapes: dict[Hashable, set[int]] = {}
        self._serving: set[int] = set()

    def asked(self, site: Hashable, tape: int, count: int, build: Callable[[], Graph]) -> None:
        """A request was made.

        Args:
            tape: its tape's number.
            count: how many sources it has.
            build: makes its Graph.
        """
        if count:
            self._serving.add(tape)
            return
        self._tapes.setdefault(site, set()).add(tape)
        if site not in self._graphs:
            self._graphs[site] = build()

    def told(self, asked: Collection[str]) -> Iterator[Graph]:
        """The Graphs of those whose tapes were asked for nothing else, with what nobody ever asked for marked.

        Args:
            asked: the paths of all that was ever asked for.
        """
        for site, graph in self._graphs.items():
            if self._tapes[site] & self._serving:
                continue
            detail = "beside others" if asked else ""
            parameters = tuple(
                replace(p, history=(*p.history, Event("unlisted", None, detail)))
                for p in graph.parameters
                if p.path not in asked
            )
            if parameters:
                yield replace(graph, parameters=parameters)
