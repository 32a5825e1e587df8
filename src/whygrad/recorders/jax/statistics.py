"""Running statistics of Flax linen: whether what a model makes of them in each step ever comes back into the next."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from types import ModuleType
from typing import Any

import jax
from jax.extend.core import Var

from whygrad.graph import NOWHERE, Event, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.jax import compat, located, signs
from whygrad.recorders.jax.flatten import CALLS
from whygrad.recorders.jax.moves import CALLS_TO_AGREE
from whygrad.recorders.jax.parameters import STATE, Named, named_leaves
from whygrad.recorders.jax.prints import Print, prints_of
from whygrad.recorders.patching import Patches

(_KEPT,) = STATE
_MOST = 50  # calls of one compiled function that are waited for


@dataclass(slots=True)
class Site:
    """A place that applies a model and is handed new statistics.

    Attributes:
        model: the class of the model; ``parameters``: the statistics that it was given first.
        prints: of their numbers, from the first call on; ``count``: how many calls there were.
        alike: each call began with the same numbers, so far as that was seen.
    """

    model: type
    stack: frames.Stack
    parameters: tuple[Parameter, ...]
    prints: tuple[Print, ...] = ()
    count: int = 0
    alike: bool = True

    def note(self, arrays: Sequence[Any]) -> None:
        """One more call begins with these."""
        self.prints = self.prints or prints_of(arrays)
        self.count += 1
        self.alike = self.alike and self.holds(arrays)

    def holds(self, arrays: Sequence[Any]) -> bool:
        """Whether arrays have the numbers that it began with."""
        return len(arrays) == len(self.prints) and all(map(Print.is_of, self.prints, arrays))


@dataclass(frozen=True, slots=True)
class Traced:
    """A place inside of a compiled function.

    Attributes:
        given: the variables of its statistics, none where the function holds them as constants.
        made: those of the new ones.
    """

    site: Site
    given: tuple[Any, ...]
    made: frozenset[Any]

    def variables(self) -> set[Any]:
        """By which its program is known."""
        return set(self.given or self.made)


@dataclass(slots=True)
class Statistics:
    """Listens to ``apply`` of linen's modules.

    Args:
        fault: told of an error of ours.

    Attributes:
        read: the models that were applied without making new statistics, so that they read the old ones.
        programs: by its identity, a compiled program and, of each place in it, at which arguments statistics are given.
    """

    fault: Callable[[BaseException], None]
    patches: Patches = field(default_factory=Patches)
    sites: dict[tuple[frames.Stack, type], Site] = field(default_factory=dict)
    pending: list[Traced] = field(default_factory=list)
    programs: dict[int, tuple[Any, list[tuple[Site, tuple[int, ...]]]]] = field(default_factory=dict)
    read: set[type] = field(default_factory=set)

    def start(self, module: ModuleType) -> None:
        """Flax linen has been imported."""
        kind = getattr(module, "Module", None)
        if not isinstance(kind, type):
            return
        original, statistics = kind.apply, self  # type: ignore[attr-defined]

        @wraps(original)
        def apply(self: Any, *args: Any, **kwargs: Any) -> Any:
            made = original(self, *args, **kwargs)
            given = args[0] if args else kwargs.get("variables")
            if isinstance(given, Mapping) and _KEPT in given:
                statistics._safely(type(self), given[_KEPT], made, frames.capture(sys._getframe(1)))
            return made

        self.patches.replace(kind, "apply", apply)

    def stop(self) -> None:
        """Put back what was found."""
        self.patches.undo()

    def ran(self, closed: Any, args: Sequence[Any]) -> None:
        """A compiled function that holds a request is called."""
        self._adopt(closed)
        for site, places in self.programs.get(id(closed.jaxpr), (None, []))[1]:
            site.note([args[one] for one in places])

    def is_open(self) -> bool:
        """Whether more calls of compiled functions may show that statistics come back."""
        inside = [site for _, found in self.programs.values() for site, _ in found]
        return any(site.alike and site.count < _MOST for site in inside)

    def dropped(self) -> Iterator[Graph]:
        """Of each place whose statistics never moved although they are read, a Graph that says so."""
        for site in self.sites.values():
            others = [one for one in self.sites.values() if one.model is site.model]
            if site.model in self.read and all(one.alike and one.count >= CALLS_TO_AGREE for one in others):
                yield _told(site)

    def _safely(self, *call: Any) -> None:
        try:
            self._applied(*call)
        except Exception as error:
            self.fault(error)

    def _applied(self, model: type, given: Any, made: Any, stack: frames.Stack) -> None:
        leaves = list(named_leaves([given], [_KEPT]))
        origins = [compat.origin(one.leaf) for one in leaves]
        news = _new(made, origins)
        if not news:
            self.read.add(model)
            self._compare(model, origins)
        elif stack and leaves:
            site = self.sites.setdefault((stack, model), Site(model, stack, tuple(map(_parameter, leaves))))
            site.alike = site.alike and None not in origins
            inside = frozenset(v for v in news if isinstance(v, Var))
            if inside:
                self.pending.append(Traced(site, tuple(v for v in origins if isinstance(v, Var)), inside))
            else:
                site.note(origins)

    def _compare(self, model: type, arrays: Sequence[Any]) -> None:
        """A model is used with these statistics: they may have come from elsewhere."""
        if any(one is None or isinstance(one, Var) for one in arrays):
            return
        for site in self.sites.values():
            if site.model is model and site.prints:
                site.alike = site.alike and site.holds(arrays)

    def _adopt(self, closed: Any) -> None:
        mine = [one for one in self.pending if located.holds(closed.jaxpr, one.variables())]
        self.pending = [one for one in self.pending if one not in mine]
        for one in mine:
            places = _places(closed.jaxpr, one.variables())
            found = tuple(places[v] for v in one.given if v in places)
            one.site.alike = one.site.alike and len(found) == len(one.given)
            self.programs.setdefault(id(closed.jaxpr), (closed.jaxpr, []))[1].append((one.site, found))


def _new(made: Any, given: Sequence[Any]) -> list[Any]:
    """What an application hands back as statistics and was not given: none where it only read them."""
    if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[1], Mapping) and _KEPT in made[1]):
        return []
    back = map(compat.origin, jax.tree_util.tree_leaves(made[1][_KEPT]))
    return [one for one in back if not any(one is known for known in given)]


def _places(jaxpr: Any, wanted: set[Any]) -> dict[Any, int]:
    """The arguments of a program that variables are, handed on through calls; what a loop carries is none of them."""
    found: dict[Any, int] = {}
    todo = [(jaxpr, {v: n for n, v in enumerate(jaxpr.invars)})]
    for program, known in todo:  # grows on the way
        found.update({v: n for v, n in known.items() if v in wanted})
        for equation in program.eqns:
            inner = signs.inside(equation) if equation.primitive.name in CALLS else None
            if inner is not None:
                pairs = zip(inner.invars, equation.invars, strict=True)
                todo.append((inner, {v: known[a] for v, a in pairs if not hasattr(a, "val") and a in known}))
    return found


def _parameter(named: Named) -> Parameter:
    shape, dtype = tuple(named.leaf.shape), str(named.leaf.dtype)
    return Parameter(named.path, shape, dtype, NOWHERE, asked=False, gradient="unknown", written=named.written)


def _told(site: Site) -> Graph:
    spans = frames.spans(site.stack)
    event = Event("kept", spans[0], "statistics")
    return GraphBuilder("jax", "apply").graph((), [replace(p, history=(event,)) for p in site.parameters], spans)
