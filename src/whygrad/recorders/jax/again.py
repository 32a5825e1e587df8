"""Requests of one place that are made of the very same arrays each time: nothing that they lead to moves them."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from whygrad.graph import NOWHERE, Event, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.asked import Request
from whygrad.recorders.jax.measured import STEPS_TO_AGREE

# What a place was first asked of, whether it was asked of the same ever since, and how often.
Sources = tuple[tuple[weakref.ref[Any] | None, ...], bool, int]


@dataclass(slots=True)
class Seen:
    """What one place asked of.

    Attributes:
        arrays: those of the first request; ``count``: how many were made of the same, ``same`` while all were.
    """

    arrays: tuple[weakref.ref[Any] | None, ...]
    parameters: tuple[Parameter, ...]
    stack: frames.Stack
    api: str
    count: int = 0
    same: bool = True


class Again:
    """Requests that run eagerly, by their place."""

    def __init__(self) -> None:
        self.places: dict[Hashable, Seen] = {}

    def note(self, site: Hashable, request: Request, graph: Graph) -> None:
        """A request is over."""
        if request.trace is None:
            return
        given = request.trace.flat.tape.given
        arrays = [given.get(leaf.value) for leaf in request.trace.leaves if leaf.differentiated]
        seen = self.places.get(site)
        if seen is None:
            alive = tuple(p for p in graph.parameters if p.asked and p.gradient == "present")
            seen = self.places[site] = Seen(tuple(map(compat.reference, arrays)), alive, request.stack, request.api)
        pairs = zip(seen.arrays, arrays, strict=False)
        seen.same = seen.same and all(known is not None and known() is array for known, array in pairs)
        seen.count += 1

    def asked(self) -> Iterator[Sources]:
        """Of each place what the first request was asked of, whether all others were too, and how many."""
        for seen in self.places.values():
            yield seen.arrays, seen.same, seen.count

    def unmoved(self) -> Iterator[Graph]:
        """For each place whose arrays were the same in every step, a Graph that says so."""
        for seen in self.places.values():
            if seen.same and seen.count >= STEPS_TO_AGREE:
                spans = frames.spans(seen.stack)
                event = Event("kept", spans[0], "given again")
                parameters = [replace(p, value=NOWHERE, history=(event,)) for p in seen.parameters]
                yield GraphBuilder("jax", seen.api).graph((), parameters, spans)
