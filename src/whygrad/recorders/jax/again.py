"""Requests of one place that are asked of the same numbers each time: nothing that they lead to moves them."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jax.extend.core import Var

from whygrad.graph import NOWHERE, Event, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.asked import Request
from whygrad.recorders.jax.measured import STEPS_TO_AGREE
from whygrad.recorders.jax.prints import Print, prints_of

# What a place was first asked of, whether it was asked of the same ever since, and how often.
Sources = tuple[tuple[weakref.ref[Any] | None, ...], bool, int]


@dataclass(slots=True)
class Seen:
    """What one place asked of.

    Attributes:
        prints: of the arrays of the first request; ``values``: what they are in its ``graph``.
        count: how many were made; ``same``: all of the very same arrays; ``alike``: of the same numbers, at least.
        stayed: of each array, whether it was the very same in all; ``went``: whether others were new in each.
    """

    prints: tuple[Print, ...]
    values: tuple[int, ...]
    graph: Graph
    stack: frames.Stack
    api: str
    stayed: list[bool]
    count: int = 0
    same: bool = True
    alike: bool = True
    went: bool = True

    def note(self, arrays: Sequence[Any]) -> None:
        """One more request was made."""
        if len(arrays) == len(self.prints):
            pairs = zip(self.prints, arrays, strict=True)
            again = [known.seen is not None and known.seen() is array for known, array in pairs]
            self.stayed = [one and now for one, now in zip(self.stayed, again, strict=True)]
            self.went = self.went and (not self.count or not all(again))
            self.same = self.same and all(again)
            self.alike = self.alike and all(map(Print.is_of, self.prints, arrays))
        else:
            self.same = self.alike = self.went = False
        self.count += 1

    def alive(self) -> tuple[Parameter, ...]:
        """What the first request was asked of and has a way for."""
        return tuple(p for p in self.graph.parameters if p.asked and p.gradient == "present")


class Again:
    """Requests that run eagerly, by their place."""

    def __init__(self) -> None:
        self.places: dict[Hashable, Seen] = {}

    def note(self, site: Hashable, request: Request, graph: Graph) -> None:
        """A request is over."""
        if request.trace is None:
            return
        given = request.trace.flat.tape.given
        values = tuple(leaf.value for leaf in request.trace.leaves if leaf.differentiated)
        arrays = [compat.origin(given.get(value)) for value in values]
        if any(one is None or isinstance(one, Var) for one in arrays):  # it stands in something compiled
            return
        seen = self.places.get(site)
        if seen is None:
            prints, stayed = prints_of(arrays), [True] * len(arrays)
            seen = self.places[site] = Seen(prints, values, graph, request.stack, request.api, stayed)
        seen.note(arrays)

    def glimpsed(self, site: Hashable, arrays: Sequence[Any]) -> None:
        """A request is about to run of which nothing is recorded."""
        if site in self.places:
            self.places[site].note(arrays)

    def asked(self) -> Iterator[Sources]:
        """Of each place what the first request was asked of, whether all others were too, and how many."""
        for seen in self.places.values():
            yield tuple(one.seen for one in seen.prints), seen.same, seen.count

    def unmoved(self) -> Iterator[Graph]:
        """For each place whose arrays were the same in every step, a Graph that says so."""
        for seen in self.places.values():
            if seen.same and seen.count >= STEPS_TO_AGREE:
                spans = frames.spans(seen.stack)
                event = Event("kept", spans[0], "given again")
                parameters = [replace(p, value=NOWHERE, history=(event,)) for p in seen.alive()]
                yield GraphBuilder("jax", seen.api).graph((), parameters, spans)

    def left_behind(self) -> Iterator[tuple[Graph, frozenset[int]]]:
        """Of each place at which some arrays stayed and the others were new each time, the Graph and their values."""
        for seen in self.places.values():
            values = frozenset(v for v, stayed in zip(seen.values, seen.stayed, strict=True) if stayed)
            if seen.count >= STEPS_TO_AGREE and seen.went and values:
                yield seen.graph, values
