"""Updates of parameters by Optax or Equinox: whether the same arrays are updated again and again."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import Any

import jax

from whygrad.graph import Event, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.measured import STEPS_TO_AGREE
from whygrad.recorders.jax.parameters import named_leaves
from whygrad.recorders.jax.replay import worth
from whygrad.recorders.patching import Patches


@dataclass(slots=True)
class Applied:
    """What was updated at one place.

    Attributes:
        arrays: those of the first update; ``same``: whether all others were given the same.
        moves: in how many updates there was something to add.
    """

    arrays: tuple[weakref.ref[Any] | None, ...]
    parameters: tuple[Parameter, ...]
    same: bool = True
    moves: int = 0


class Updates:
    """Listens to ``apply_updates``, which hands back new parameters and leaves the old as they were."""

    def __init__(self, fault: Callable[[BaseException], None]) -> None:
        self.fault = fault
        self.patches = Patches()
        self.places: dict[frames.Stack, Applied] = {}

    def start(self, module: ModuleType) -> None:
        """A library with such a function has been imported."""
        original = getattr(module, "apply_updates", None)
        if original is None:
            return
        updates = self

        @wraps(original)
        def apply_updates(params: Any, changes: Any) -> Any:
            try:
                updates._note(params, changes, frames.capture(sys._getframe(1)))
            except Exception as error:
                updates.fault(error)
            return original(params, changes)

        self.patches.replace(module, "apply_updates", apply_updates)

    def stop(self) -> None:
        """Put back what was found."""
        self.patches.undo()

    def unapplied(self) -> Iterator[Graph]:
        """For each place whose updates never changed what the next one began with, a Graph that says so."""
        for stack, applied in self.places.items():
            if applied.same and applied.moves >= STEPS_TO_AGREE:
                yield GraphBuilder("jax", "apply_updates").graph((), applied.parameters, frames.spans(stack))

    def _note(self, params: Any, changes: Any, stack: frames.Stack) -> None:
        leaves = [leaf for leaf in jax.tree_util.tree_leaves(params) if hasattr(leaf, "dtype")]
        if not stack or not leaves or any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            return
        known = self.places.get(stack)
        if known is None:
            event = Event("kept", frames.spans(stack)[0], "dropped")
            parameters = tuple(
                Parameter(path, tuple(leaf.shape), str(leaf.dtype), gradient="present", history=(event,))
                for leaf, path, _ in named_leaves([params], ["params"])
            )
            known = self.places[stack] = Applied(tuple(map(compat.reference, leaves)), parameters)
        pairs = zip(known.arrays, leaves, strict=False)
        known.same = known.same and all(seen is not None and seen() is leaf for seen, leaf in pairs)
        if known.same and known.moves < STEPS_TO_AGREE:
            known.moves += any(worth(u) == "present" for u in jax.tree_util.tree_leaves(changes) if hasattr(u, "dtype"))
