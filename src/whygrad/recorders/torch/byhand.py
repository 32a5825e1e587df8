"""Updates that the script makes itself, and of which nothing reaches the parameters."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from whygrad.graph import Event, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.torch import ops
from whygrad.recorders.torch.asking import Request
from whygrad.recorders.torch.crossings import Crossings
from whygrad.recorders.torch.log import Log, Ran
from whygrad.recorders.torch.tensors import meet
from whygrad.recorders.torch.undone import are, marks

# Fewer steps may be a trial.
FEWEST_STEPS = 3
_STEPS = frozenset(("sub", "__sub__", "rsub", "add", "__add__"))


@dataclass(slots=True)
class Updated:
    """What was asked for by hand at one place.

    Attributes:
        first: some of the numbers that it held then; ``count``: in how many steps it held them, -1 once it did not.
        made: of each that a new value was computed of, from its gradient, where.
    """

    parameters: tuple[Parameter, ...]
    sources: tuple[weakref.ref[Any], ...]
    first: Sequence[Any]
    request: frames.Stack
    count: int = 1
    made: dict[str, frames.Stack] = field(default_factory=dict)


class ByHand:
    """Listens to updates without an optimizer.

    Args:
        log: in which is what was computed of the gradients; ``crossings``: of values that come into it.
    """

    def __init__(self, log: Log, crossings: Crossings) -> None:
        self._log, self._crossings = log, crossings
        self._read: set[int] = set()
        self._seen: dict[Any, Updated] = {}

    def read(self, gradient: Any) -> None:
        """The script reads a gradient."""
        if gradient is not None:  # it is met here as by an operation, which asks where it leads to
            with self._log.own_work():
                self._read.add(self._log.known(gradient) or meet(self._log, self._crossings, gradient))

    def asked(self, request: Request, paths: Sequence[str]) -> None:
        """A request by hand is over, and what the script made of its answers is in the log."""
        seen = self._seen.get(request.site)
        if seen is None:
            parameters = (_parameter(p, path) for p, path in zip(request.sources, paths, strict=False))
            references = tuple(map(weakref.ref, request.sources))
            seen = Updated(tuple(parameters), references, marks(request.sources), request.stack)
            self._seen[request.site] = seen
        elif seen.count > 0:
            sources = [one for reference in seen.sources if (one := reference()) is not None]
            seen.count = seen.count + 1 if are(seen.first, sources) else -1
        self._look(seen, request)
        self._read.clear()

    def _look(self, seen: Updated, request: Request) -> None:
        paths = {self._log.known(one()): p.path for one, p in zip(seen.sources, seen.parameters, strict=True)}
        made = set(self._read)
        for entry in self._log.since(max(request.marks, default=0)):
            if not isinstance(entry, Ran) or made.isdisjoint(entry.inputs):
                continue
            made.update(one.serial for one in entry.made)
            if ops.plain(entry.name) in _STEPS and not ops.changes_first(entry.name):
                seen.made.update({paths[n]: entry.stack for n in entry.inputs if n in paths})

    def lost(self) -> Iterator[Graph]:
        """Of what never moved, though new values of it were computed in each step, Graphs that say so."""
        for seen in self._seen.values():
            kept = [p for p in seen.parameters if seen.count >= FEWEST_STEPS and p.path in seen.made]
            spans = {path: frames.spans(stack) for path, stack in seen.made.items()}
            told = [replace(p, history=(Event("kept", spans[p.path][0], "rebound"),)) for p in kept if spans[p.path]]
            if told:
                yield GraphBuilder("torch", "torch.Tensor.backward").graph((), told, frames.spans(seen.request))


def _parameter(tensor: torch.Tensor, path: str) -> Parameter:
    return Parameter(path, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), gradient="present")
