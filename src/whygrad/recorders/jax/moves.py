"""New versions of parameters among the results of a compiled call: whether they differ, and whether they come back."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import jax
import numpy

from whygrad.graph import NOWHERE, Event, Graph
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.jax import compat, signs
from whygrad.recorders.jax.prints import Print

if TYPE_CHECKING:
    from whygrad.recorders.jax.compiled import Call

# A step that does not train is spoken of when so many calls agree.
CALLS_TO_AGREE = 4


@dataclass(slots=True)
class Moves:
    """What became of the parameters over the calls of one compiled function.

    Attributes:
        pairs: source value of the request, position among the arguments, position of its new version in the results.
        captured: the program holds all that the request is asked of, as constants.
        used: something else is computed from a new version: that shows what it is good for, and nothing is lost then.
        first: the arguments of the first call; ``stack``: where the last call was made.
        part: which part of the function's result holds the new versions, ``None`` if that is not known.
        same: every call began with the same parameters; ``varied``: some other argument was another one.
        asked: positions of what the request is asked of; ``known``: that is all of it.
        given_again: each call was given the same there; ``alike``: the same numbers, at least.
        moved: each call gave a version that differs; ``still``: none ever did.
        handed_on: a call was given something that the one before it gave, and that is no parameter.
        maker: where the program makes a new version; ``origins``: source value to its position
            among the arguments; ``stayed``: positions of what is handed back as it came, in every call.
    """

    pairs: tuple[tuple[int, int, int], ...]
    first: tuple[weakref.ref[Any] | None, ...] = ()
    stack: frames.Stack = ()
    part: int | None = None
    calls: int = 0
    same: bool = True
    varied: bool = False
    moved: bool = True
    still: bool = True
    asked: tuple[int, ...] = ()
    known: bool = False
    given_again: bool = True
    alike: bool = True
    handed_on: bool = False
    captured: bool = False
    used: bool = False
    maker: frames.Stack = ()
    stayed: frozenset[int] = frozenset()
    origins: Mapping[int, int] = field(default_factory=dict)
    prints: dict[int, Print] = field(default_factory=dict)
    given: tuple[weakref.ref[Any] | None, ...] = ()

    def note(self, call: Call) -> None:
        """A call is over."""
        self.calls += 1
        ours = {a for _, a, _ in self.pairs}
        if self.calls == 1:
            self.first, self.stack = tuple(map(compat.reference, call.args)), call.stack
            self.part = _part(call.whole, call.depth, {o for _, _, o in self.pairs})
            self.prints = {a: Print(call.args[a]) for a in ours.union(self.asked)}
        known = [seen is not None and seen() is arg for seen, arg in zip(self.first, call.args, strict=True)]
        self.given_again = self.given_again and all(known[a] for a in self.asked)
        self.same = self.same and call.stack == self.stack and self._begins_alike(call, ours)
        self.alike = self.alike and self._begins_alike(call, set(self.asked))
        left = {a for a in self.stayed if self.prints[a].is_of(call.args[a])}
        self.stayed = frozenset(left)
        self.varied = self.varied or any(not k for n, k in enumerate(known) if n not in ours)
        self._follow(call, ours)
        differs = any(_differ(call.args[a], call.out[o]) for _, a, o in self.pairs)
        self.moved, self.still = self.moved and differs, self.still and not differs

    def _begins_alike(self, call: Call, positions: set[int]) -> bool:
        return all(self.prints[a].is_of(call.args[a]) for a in positions)

    def _follow(self, call: Call, ours: set[int]) -> None:
        """Whether something of the last call comes back; then what this one gives."""
        back = {id(arg) for n, arg in enumerate(call.args) if n not in ours}
        last = [seen() for seen in self.given if seen is not None]
        self.handed_on = self.handed_on or any(one is not None and id(one) in back for one in last)
        news = {o for _, _, o in self.pairs}
        handed = set(map(id, call.args))
        given = [out for n, out in enumerate(call.out) if n not in news and id(out) not in handed]
        self.given = tuple(map(compat.reference, given))

    def sources(self) -> tuple[weakref.ref[Any] | None, ...]:
        """What the first call was asked of."""
        return tuple(self.first[a] for a in self.asked) if self.first else ()

    def is_lost(self) -> bool:
        """Whether new parameters were made in each call, and every call began with the old ones."""
        whole = bool(self.pairs) and not self.used
        return whole and self.calls >= CALLS_TO_AGREE and self.same and self.moved

    def is_stuck(self) -> bool:
        """Whether each call began with the same numbers, and made no others of them; so far as all are known."""
        return self.known and self.alike and self.still


def kept(graph: Graph, moves: Moves, event: Event) -> Graph:
    """A Graph that says why the parameters of a compiled step stay as they are.

    Args:
        graph: that of the request in it.
    """
    ours = {value for value, _, _ in moves.pairs}
    parameters = [p for p in graph.parameters if p.asked and p.value in ours and p.gradient == "present"]
    still = [replace(p, value=NOWHERE, history=(event,)) for p in parameters]
    return GraphBuilder("jax", graph.api).graph((), still, graph.request)


def moves(closed: Any, sources: Mapping[int, Any], gradients: set[Any]) -> Moves:
    """Which results of a program are new versions of which of its arguments.

    Args:
        sources: the variables of what a request in it differentiates, by source value.
        gradients: the variables of their gradients.
    """
    places: dict[Any, int] = {}
    _origins(closed.jaxpr, {v: n for n, v in enumerate(closed.jaxpr.invars)}, set(sources.values()), places)
    bits = {closed.jaxpr.invars[n]: 1 << n for n in places.values()}
    made = _versions(closed.jaxpr, bits, gradients)
    pairs = []
    for out in signs.shown(closed, gradients):
        for value, variable in sources.items():
            at = places.get(variable)
            if at is not None and made[out] >> at & 1 and _shape(closed.jaxpr.outvars[out]) == _shape(variable):
                pairs.append((value, at, out))
    news = {o for _, _, o in pairs}
    read = signs.computed_from(closed.jaxpr, {closed.jaxpr.outvars[o] for o in news})
    used = any(hit for n, hit in enumerate(read) if n not in news)
    back = {v for v in closed.jaxpr.outvars if not hasattr(v, "val")}
    return Moves(
        tuple(pairs),
        used=used,
        asked=tuple(sorted(places.values())),
        captured=not sources,
        known=bool(sources) and all(variable in places for variable in sources.values()),
        maker=_made_at(closed.jaxpr, min(news)) if news else (),
        origins={value: places[v] for value, v in sources.items() if v in places},
        stayed=frozenset(n for n in places.values() if closed.jaxpr.invars[n] in back),
    )


def _made_at(jaxpr: Any, position: int) -> frames.Stack:
    """Where the script makes one of the results of a program."""
    made = next((e for e in reversed(jaxpr.eqns) if jaxpr.outvars[position] in e.outvars), None)
    inner = signs.inside(made) if made is not None else None
    if made is None or inner is None:
        places = compat.places(made) if made is not None else ()
        return tuple(place for place in places if frames.is_user_file(place[0].co_filename))
    return _made_at(inner, made.outvars.index(jaxpr.outvars[position]))


def _origins(jaxpr: Any, known: Mapping[Any, int], wanted: set[Any], found: dict[Any, int]) -> None:
    """Find the arguments of the whole program that wanted variables are, handed on through calls and loops."""
    found.update({v: n for v, n in known.items() if v in wanted})
    for equation in jaxpr.eqns:
        inner = signs.inside(equation)
        if inner is not None:
            pairs = zip(inner.invars, equation.invars, strict=True)
            handed = {v: known[a] for v, a in pairs if not hasattr(a, "val") and a in known}
            if handed:
                _origins(inner, handed, wanted, found)


def _versions(jaxpr: Any, bits: Mapping[Any, int], gradients: set[Any]) -> list[int]:
    """Of each result, which of the marked arguments it was made of element by element, not by way of a gradient."""
    marks = dict(bits)
    for equation in jaxpr.eqns:
        given = [0 if hasattr(a, "val") else marks.get(a, 0) for a in equation.invars]
        if not any(given):
            continue
        inner, branches = signs.inside(equation), equation.params.get("branches", ())
        if inner is not None:
            hits = _through(equation, inner, given, gradients)
        elif branches:
            found = (_versions(b.jaxpr, dict(zip(b.jaxpr.invars, given[1:], strict=True)), gradients) for b in branches)
            hits = [_union(marks) for marks in zip(*found, strict=True)]
        else:
            pairs = list(zip(equation.invars, given, strict=True))
            hits = [_union(m for a, m in pairs if _shape(a) == _shape(v)) for v in equation.outvars]
        marks.update({v: m for v, m in zip(equation.outvars, hits, strict=True) if m and v not in gradients})
    return [0 if hasattr(v, "val") else marks.get(v, 0) for v in jaxpr.outvars]


def _through(equation: Any, inner: Any, given: list[int], gradients: set[Any]) -> list[int]:
    carried = signs.carried(equation)
    while True:
        hits = _versions(inner, dict(zip(inner.invars, given, strict=True)), gradients)
        again = list(given)
        for n, hit in zip(carried, hits, strict=False):
            again[n] |= hit
        if again == given:
            return hits
        given = again


def _union(marks: Any) -> int:
    whole = 0
    for mark in marks:
        whole |= mark
    return whole


def _shape(atom: Any) -> Any:
    return getattr(atom.aval, "shape", None)


def _differ(one: Any, other: Any) -> bool:
    first, second = numpy.asarray(one), numpy.asarray(other)
    return first.shape != second.shape or bool((first != second).any())


def _part(whole: Any, depth: int | None, positions: set[int]) -> int | None:
    """The part of a tuple, so deep inside of a result, that holds the leaves at all of these positions."""
    if depth is None or not positions:
        return None
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(whole)]
    parts = {getattr(paths[n][depth], "idx", None) if len(paths[n]) > depth else None for n in positions}
    return parts.pop() if len(parts) == 1 else None
