"""Updates of parameters by Optax or Equinox: whether the same arrays are updated again and again."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import wraps
from inspect import signature
from types import FrameType, ModuleType
from typing import Any

import jax

from whygrad.graph import Event, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.jax import compat, signs
from whygrad.recorders.jax.measured import STEPS_TO_AGREE
from whygrad.recorders.jax.parameters import named_leaves
from whygrad.recorders.jax.replay import worth
from whygrad.recorders.patching import Patches

# So many updates of one place are looked at, and so many inside of compiled functions are remembered.
_MOST = 50


@dataclass(slots=True)
class Applied:
    """What was updated at one place.

    Attributes:
        arrays: those of the first update; ``same``: whether all others were given the same.
        asked: whether the first were the very arrays that a request was asked of.
        count: how many there were; ``moves``: in how many of the first ones there was something to add.
    """

    arrays: tuple[weakref.ref[Any] | None, ...]
    parameters: tuple[Parameter, ...]
    asked: bool
    same: bool = True
    count: int = 0
    moves: int = 0


@dataclass(frozen=True, slots=True)
class Traced:
    """An update inside of a compiled function, by the variables of what it was given and of what it gave."""

    stack: frames.Stack
    parameters: tuple[Parameter, ...]
    given: frozenset[Any]
    made: frozenset[Any]


class Updates:
    """Listens to ``apply_updates``, which hands back new parameters and leaves the old as they were.

    Args:
        are_asked: tells whether some request was asked of these very arrays.
    """

    def __init__(
        self, fault: Callable[[BaseException], None], are_asked: Callable[[Sequence[Any]], bool] = lambda arrays: False
    ) -> None:
        self.fault, self.are_asked = fault, are_asked
        self.patches = Patches()
        self.places: dict[frames.Stack, Applied] = {}
        self.traced: list[Traced] = []
        self.within: frames.Stack = ()  # where the first update inside of a compiled function is made
        self.elsewhere: frames.Stack = ()  # where one is made of other arguments than those that are asked for

    def start(self, module: ModuleType) -> None:
        """A library with such a function has been imported."""
        original = getattr(module, "apply_updates", None)
        if original is None:
            return
        updates, given = self, signature(original)

        @wraps(original)
        def apply_updates(*args: Any, **kwargs: Any) -> Any:
            made = original(*args, **kwargs)
            try:
                frame = sys._getframe(1)
                params, changes = given.bind(*args, **kwargs).arguments.values()
                updates._note(params, changes, made, frames.capture(frame), lambda: _parameters(params, frame))
            except Exception as error:
                updates.fault(error)
            return made

        self.patches.replace(module, "apply_updates", apply_updates)

    def stateless(self, optimizers: type, patches: Patches) -> None:
        """Listen to Keras' optimizers as well, where the script itself calls them for new values."""
        original, updates = vars(optimizers)["stateless_apply"], self
        given = signature(original)

        @wraps(original)
        def stateless_apply(self: Any, *args: Any, **kwargs: Any) -> Any:
            made = original(self, *args, **kwargs)
            try:
                frame = sys._getframe(1)
                if frames.is_user_file(frame.f_code.co_filename):
                    _, _, grads, values = given.bind(self, *args, **kwargs).arguments.values()
                    updates._note(values, grads, made[0], frames.capture(frame), lambda: _variables(self))
            except Exception as error:
                updates.fault(error)
            return made

        patches.replace(optimizers, "stateless_apply", stateless_apply)

    def stop(self) -> None:
        """Put back what was found."""
        self.patches.undo()

    def unapplied(self) -> Iterator[Graph]:
        """For each place whose updates never changed what the next one began with, a Graph that says so."""
        for stack, applied in self.places.items():
            if applied.same and applied.moves >= STEPS_TO_AGREE:
                yield _told(stack, _kept(applied.parameters, stack, "dropped"))

    def apart(self) -> Iterator[Graph]:
        """For each place that began with what is asked for and went on from there, a Graph that says so."""
        for stack, applied in self.places.items():
            if applied.asked and not applied.same and applied.moves >= STEPS_TO_AGREE:
                yield _told(stack, _kept(applied.parameters, stack, "not taken back"))

    def lost(self, closed: Any, asked: Set[Any]) -> Iterator[Graph]:
        """For each update in a compiled program that leads to none of its results, a Graph that says so.

        Args:
            asked: the arguments of the program that a request in it is asked of.
        """
        mine = [t for t in self.traced if t.made <= signs.made(closed.jaxpr)]
        self.traced = [t for t in self.traced if t not in mine]
        for one in mine:
            if asked and one.given <= set(closed.jaxpr.invars) - asked:
                self.elsewhere = one.stack
            if not closed.effects and not any(signs.computed_from(closed.jaxpr, set(one.made))):
                yield _told(one.stack, _kept(one.parameters, one.stack, "unreturned"))

    def _note(
        self, params: Any, changes: Any, made: Any, stack: frames.Stack, named: Callable[[], tuple[Parameter, ...]]
    ) -> None:
        leaves = [leaf for leaf in jax.tree_util.tree_leaves(params) if hasattr(leaf, "dtype")]
        if not stack or not leaves:
            return
        if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            news = frozenset(
                compat.variable(leaf) for leaf in jax.tree_util.tree_leaves(made) if hasattr(leaf, "dtype")
            )
            self.within = self.within or stack
            if None not in news and len(self.traced) < _MOST:
                self.traced.append(Traced(stack, named(), frozenset(map(compat.variable, leaves)), news))
            return
        known = self.places.get(stack)
        if known is None:
            arrays = tuple(map(compat.reference, leaves))
            known = self.places[stack] = Applied(arrays, named(), self.are_asked(leaves))
        pairs = zip(known.arrays, leaves, strict=False)
        known.same = known.same and all(seen is not None and seen() is leaf for seen, leaf in pairs)
        known.count += 1
        if known.count <= _MOST and known.moves < STEPS_TO_AGREE:
            known.moves += any(worth(u) != "zero" for u in jax.tree_util.tree_leaves(changes) if hasattr(u, "dtype"))


def _parameters(params: Any, frame: FrameType) -> tuple[Parameter, ...]:
    """The arrays of a tree, by the name that the script has for it, if it has one."""
    known = dict(frames.local_variables(frame)) if frames.is_user_file(frame.f_code.co_filename) else {}
    name = next((name for name, value in known.items() if value is params), "params")
    return tuple(
        Parameter(each.path, tuple(each.leaf.shape), str(each.leaf.dtype), gradient="present", written=each.written)
        for each in named_leaves([params], [name])
    )


def _variables(optimizer: Any) -> tuple[Parameter, ...]:
    """The variables of Keras that an optimizer was built for."""
    known = getattr(optimizer, "_trainable_variables", ())
    return tuple(Parameter(v.path, tuple(v.shape), str(v.dtype), gradient="present") for v in known)


def _kept(parameters: Sequence[Parameter], stack: frames.Stack, reason: str) -> list[Parameter]:
    event = Event("kept", frames.spans(stack)[0], reason)
    return [replace(p, history=(event,)) for p in parameters]


def _told(stack: frames.Stack, parameters: Sequence[Parameter]) -> Graph:
    return GraphBuilder("jax", "apply_updates").graph((), parameters, frames.spans(stack))
