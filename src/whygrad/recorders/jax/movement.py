"""What becomes of parameters over a run: whether what gradients are asked of ever moves, and if not, why."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from jax.extend.core import Var

from whygrad.graph import NOWHERE, Event, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.jax.again import Again, Sources
from whygrad.recorders.jax.asked import Request
from whygrad.recorders.jax.makers import COUNT, Makers, Reason
from whygrad.recorders.jax.measured import STEPS_TO_AGREE
from whygrad.recorders.jax.moves import CALLS_TO_AGREE, Moves, kept
from whygrad.recorders.jax.updates import Updates


@dataclass(frozen=True, slots=True)
class Step:
    """A compiled function with a request.

    Attributes:
        graph: that of the request; ``turns``: how often it is made in one call.
    """

    site: Hashable
    graph: Graph
    moves: Moves
    turns: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place that asks for gradients: what of, how often, and whether it was of the same numbers each time."""

    site: Hashable
    graph: Graph
    count: int
    alike: bool
    maker: frames.Stack = ()


class Movement:
    """Follows the parameters of a run.

    Args:
        fault: told of an error of ours.

    Attributes:
        useless: place and path of gradients that were zero or not finite: those need no other reason.
        explained: it was told of an update that goes nowhere.
        unfollowed: some request was asked of what is not followed, and may well move.
    """

    def __init__(self, fault: Callable[[BaseException], None]) -> None:
        self.again = Again()
        self.updates = Updates(fault, self._are_asked)
        self.makers = Makers(fault)
        self.steps: list[Step] = []
        self.useless: set[tuple[Hashable, str]] = set()
        self.explained = self.unfollowed = False

    def start(self, module: ModuleType) -> None:
        """Optax or Equinox has been imported."""
        self.updates.start(module)
        if module.__name__ == "optax":
            self.makers.start(module)

    def stop(self) -> None:
        """Put back what was found."""
        self.updates.stop()
        self.makers.stop()

    def follow(self, site: Hashable, request: Request, graph: Graph) -> dict[int, Any]:
        """See whether a request that can not be run again is asked of the same each time.

        Returns:
            the variables of a program under compilation that it is asked of: they are to be followed there.
        """
        if request.around or request.error is not None:
            return {}
        sources = request.trace.sources() if request.trace is not None else {}
        if request.trace is None or any(one is None for one in sources.values()):
            self.unfollowed = True
            return {}
        variables = {value: one for value, one in sources.items() if isinstance(one, Var)}
        if not variables:
            self.again.note(site, request, graph)
        return variables

    def may_stand_still(self) -> bool:
        """Whether somebody means to train, and nothing has moved so far."""
        return bool(self.makers.made) and not self.unfollowed and all(place.alike for place in self._places())

    def moves(self) -> bool:
        """Whether some place asked for gradients of numbers that were not the same each time."""
        eager = any(not seen.alike for seen in self.again.places.values())
        return eager or any(not step.moves.alike for step in self.steps)

    def lost(self, closed: Any) -> Iterator[Graph]:
        """For each update in a compiled program that leads to none of its results, a Graph that says so."""
        asked = {closed.jaxpr.invars[at] for at in self.steps[-1].moves.asked} if self.steps else set()
        for graph in self.updates.lost(closed, asked):
            self.explained = True
            yield graph

    def at_end(self) -> Iterator[Graph]:
        """Graphs that say what never moves."""
        told = [*self.updates.unapplied(), *self._apart(), *self._lost(), *self._captured()]
        yield from (*told, *self.again.unmoved())
        if not told and not self.explained and not self.unfollowed:
            yield from (*self._standing_still(), *self._left_out())

    # -- what is given and goes on ------------------------------------------------------------------

    def _asked(self) -> list[Sources]:
        steps = ((s.moves.sources(), s.moves.given_again, s.moves.calls) for s in self.steps)
        return [*self.again.asked(), *steps]

    def _are_asked(self, arrays: Sequence[Any]) -> bool:
        known = [one() for sources, _, _ in self._asked() for one in sources if one is not None]
        return all(any(array is one for one in known) for array in arrays)

    def _apart(self) -> Iterator[Graph]:
        """Of updates that go on from the parameters which every request is asked of, a Graph that says so."""
        asked = self._asked()
        if asked and all(same and count >= CALLS_TO_AGREE for _, same, count in asked):
            yield from self.updates.apart()

    def _lost(self) -> Iterator[Graph]:
        """Of each compiled step that never trains anything, since what it gives is let go, a Graph that says so."""
        for step in self.steps:
            moves = step.moves
            if moves.is_lost():
                reason = "begun again" if moves.handed_on else "dropped" if moves.varied else "dropped, others read"
                yield kept(step.graph, moves, Event("kept", frames.spans(moves.stack)[0], reason, moves.part))

    def _captured(self) -> Iterator[Graph]:
        """Of each compiled step that took the parameters in as constants, a Graph that says so."""
        for step in self.steps:
            if step.moves.captured and step.moves.calls >= CALLS_TO_AGREE:
                yield _told(step.graph, _alive(step.graph), Reason(step.moves.stack, "captured"))

    # -- what stands still --------------------------------------------------------------------------

    def _places(self) -> Iterator[Place]:
        for site, seen in self.again.places.items():
            yield Place(site, seen.graph, seen.count, seen.alike)
        for step in self.steps:
            count = step.moves.calls * (step.turns if step.moves.pairs else 1)
            yield Place(step.site, step.graph, count, step.moves.is_stuck(), step.moves.maker)

    def _unmoved(self, applied: frames.Stack, makers: Sequence[frames.Stack]) -> Reason:
        """What is known of updates that change nothing: they go elsewhere, or what is made of them last is at fault."""
        if self.updates.elsewhere:
            return Reason(self.updates.elsewhere, "others updated")
        last = makers[0] if makers and applied == self.updates.within else applied
        return Reason(last if last[0] != applied[0] else applied, "same numbers")

    def _standing_still(self) -> Iterator[Graph]:
        """Where all that is asked of was the same from the first step to the last, Graphs that say so."""
        places = [place for place in self._places() if _alive(place.graph)]
        steps = max((place.count for place in places), default=0)
        if steps < STEPS_TO_AGREE or not all(place.alike for place in places):
            return
        reason = self._reason(places, steps)
        for place in places if reason is not None else ():
            useful = [p for p in _alive(place.graph) if (place.site, p.path) not in self.useless]
            if useful and reason is not None:
                yield _told(place.graph, useful, reason)

    def _reason(self, places: Sequence[Place], steps: int) -> Reason | None:
        makers = [place.maker for place in places if place.maker]
        applied = next(iter([*self.updates.places, *filter(None, [self.updates.within]), *makers]), None)
        if applied is not None:
            known = self.makers.why_nothing_moves(steps) or self._unmoved(applied, makers)
            calls = {step.moves.stack for step in self.steps if step.moves.stack}
            return known._replace(place=calls.pop()) if known.name == COUNT and len(calls) == 1 else known
        if self.makers.foreign:
            return self.makers.why_nothing_moves(steps)
        return Reason((), "never applied") if self.makers.made else None

    # -- what is left where the others move ---------------------------------------------------------

    def _left_out(self) -> Iterator[Graph]:
        """Of each place at which some arrays stay the very same while the others move, a Graph that says so."""
        found = [*self.again.left_behind(), *filter(None, map(_stayed, self.steps))]
        if len(found) == sum(1 for place in self._places() if _alive(place.graph)):
            for graph, values in found:
                yield from _behind(graph, values)


def _stayed(step: Step) -> tuple[Graph, frozenset[int]] | None:
    """What a compiled step hands back as it came, while it makes new versions of others."""
    moves = step.moves
    values = frozenset(value for value, at in moves.origins.items() if at in moves.stayed)
    moved = moves.pairs and moves.moved and moves.calls * step.turns >= CALLS_TO_AGREE
    return (step.graph, values) if values and moved else None


def _alive(graph: Graph) -> list[Parameter]:
    return [p for p in graph.parameters if p.asked and p.gradient == "present"]


def _told(graph: Graph, useful: Sequence[Parameter], reason: Reason) -> Graph:
    place = frames.spans(reason.place)[0] if reason.place else graph.request[0]
    event = Event("kept", place, reason.name, note=reason.detail)
    parameters = [replace(p, value=NOWHERE, history=(event,)) for p in useful]
    return GraphBuilder("jax", graph.api, graph.library).graph((), parameters, graph.request)


def _behind(graph: Graph, values: frozenset[int]) -> Iterator[Graph]:
    left = {p.path for p in _alive(graph) if p.value in values}
    event = Event("kept", graph.request[0], "left behind")
    if left:
        marked = [replace(p, history=(event,)) if p.path in left else p for p in graph.parameters]
        yield replace(graph, parameters=tuple(marked))
