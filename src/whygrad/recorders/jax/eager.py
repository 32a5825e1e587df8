"""Steps of Optax that run outside of ``jax.jit``: what ``update`` is handed, and what ``apply_updates`` adds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from types import ModuleType
from typing import Any

import jax
import numpy
from jax.tree_util import keystr, tree_flatten_with_path, tree_leaves, tree_structure

from whygrad.recorders.arrays import norm_of, worth_of
from whygrad.recorders.jax.ops import is_float
from whygrad.recorders.patching import Patches
from whygrad.watching.health import Gradient, Move, StepHealth, healthy_as
from whygrad.watching.watch import Watch

# Optax hands these back; the wider one is what most of its optimizers are.
TRANSFORMATIONS = ("GradientTransformation", "GradientTransformationExtraArgs")


@dataclass(frozen=True, slots=True)
class _Handed:
    """The gradients of a step whose updates are not applied yet, measured; ``tree``: their structure."""

    name: str
    number: int
    tree: Any
    paths: tuple[str, ...]
    gradients: tuple[Gradient | None, ...]
    cost: float


class _PerThread(threading.local):
    def __init__(self) -> None:
        self.depth = 0  # of transformations that call each other
        self.handed: _Handed | None = None


class Eager:
    """Hears Optax' transformations.

    Args:
        named: full names of parameters, from their paths in a tree.
        fault: told of an error of ours.
    """

    def __init__(
        self, watch: Watch, named: Callable[[Sequence[str]], list[str]], fault: Callable[[BaseException], None]
    ) -> None:
        self.watch, self.named, self.fault = watch, named, fault
        self.patches = Patches()
        self.heard = False
        self._off = False
        self._local = _PerThread()

    def imported(self, module: ModuleType) -> None:
        """Optax or Equinox has been imported."""
        for name in TRANSFORMATIONS:
            cls = getattr(module, name, None)
            if cls is not None:
                self.patches.replace(cls, "__new__", staticmethod(self._making(cls.__new__)))
        if hasattr(module, "apply_updates"):
            self.patches.replace(module, "apply_updates", self._applying(module.apply_updates))

    def stop(self) -> None:
        """Take the hooks off; transformations that were made keep a wrapper that does nothing."""
        self._off = True
        self.patches.undo()
        self._local.handed = None

    def _making(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def __new__(cls: Any, init: Any, update: Any) -> Any:
            return original(cls, init, self._updating(update))

        return __new__

    def _updating(self, original: Callable[..., Any]) -> Callable[..., Any]:
        local, name = self._local, ""

        @wraps(original)
        def update(updates: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal name
            if local.depth or self._off or not _is_concrete(updates):
                return original(updates, *args, **kwargs)
            name = name or self.watch.name(object(), "optax")
            self._guarded(self._begun, name, updates)
            local.depth += 1
            try:
                return original(updates, *args, **kwargs)
            finally:
                local.depth -= 1

        return update

    def _applying(self, original: Callable[..., Any]) -> Callable[..., Any]:
        given = signature(original)

        @wraps(original)
        def apply_updates(*args: Any, **kwargs: Any) -> Any:
            handed, self._local.handed = self._local.handed, None
            if handed is not None:
                self._guarded(lambda: self._applied(handed, *given.bind(*args, **kwargs).arguments.values()))
            return original(*args, **kwargs)

        return apply_updates

    def _guarded(self, body: Callable[..., None], *arguments: Any) -> None:
        try:
            body(*arguments)
        except Exception as error:
            self.fault(error)

    def _begun(self, name: str, updates: Any) -> None:
        schedule, waiting = self.watch.schedule, self._local.handed
        if waiting is not None and waiting.name == name:  # its updates were added by hand
            self._local.handed = None
            schedule.ends(name, waiting.cost)
        number, due = schedule.begins(name)
        self.heard = True
        if not due or not self.watch.here():
            schedule.ends(name, None)
            return
        leaves, tree = tree_flatten_with_path(updates)
        jax.block_until_ready([leaf for _, leaf in leaves])  # the wait is not ours
        start = time.perf_counter()
        paths = tuple(keystr(path, simple=True, separator="/").removesuffix("/value") for path, _ in leaves)
        gradients = tuple(worth_of(numpy.asarray(leaf)) if _is_number(leaf) else None for _, leaf in leaves)
        self._local.handed = _Handed(name, number, tree, paths, gradients, time.perf_counter() - start)

    def _applied(self, handed: _Handed, params: Any, updates: Any) -> None:
        cost = handed.cost
        if tree_structure(updates) == handed.tree == tree_structure(params):
            pairs = list(zip(tree_leaves(params), tree_leaves(updates), strict=True))
            jax.block_until_ready(pairs)
            start = time.perf_counter()
            rows = zip(self.named(handed.paths), handed.gradients, pairs, strict=True)
            health = tuple(
                healthy_as(path, old.shape, gradient, Move(norm_of(numpy.asarray(old)), norm_of(numpy.asarray(change))))
                for path, gradient, (old, change) in rows
                if gradient is not None
            )
            self.watch.seen(StepHealth(handed.name, handed.number, self.watch.seconds, health))
            cost += time.perf_counter() - start
        self.watch.schedule.ends(handed.name, cost)


def _is_concrete(tree: Any) -> bool:
    leaves = tree_leaves(tree)
    return bool(leaves) and not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)


def _is_number(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and hasattr(leaf, "shape") and is_float(jax.typeof(leaf))
