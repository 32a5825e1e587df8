"""Layers that are made anew for each loss, in a forward pass or beside it, and that nothing holds when it is over."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from whygrad.graph import Event, Graph
from whygrad.recorders import frames
from whygrad.recorders.naming import unique
from whygrad.recorders.torch.asking import Backward, Request, site_of
from whygrad.recorders.torch.closing import close
from whygrad.recorders.torch.parameters import Described
from whygrad.span import Span

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch


@dataclass(frozen=True, slots=True)
class Birth:
    """A parameter of a module that was made while another module ran, or after an optimizer was.

    Attributes:
        inside: another module ran.
    """

    parameter: weakref.ref[Any]
    module: weakref.ref[Any]
    path: str
    stack: frames.Stack
    inside: bool


class Births:
    """What is made inside of forward passes.

    Args:
        recorder: for whose requests the parameters are looked at.
    """

    def __init__(self, recorder: Torch) -> None:
        self._recorder = recorder
        self._born: dict[int, Birth] = {}
        self._before: dict[tuple[Any, ...], tuple[int, weakref.ref[Any]]] = {}
        self._lasting: set[tuple[Any, ...]] = set()

    def made(self, module: Any, stack: frames.Stack) -> None:
        """A module was made; while training goes on, it is looked at when it is called for the first time."""
        inside = bool(self._recorder.log.local.scope)
        if inside or (self._recorder.recording and self._recorder.requests.steps.any):
            self._recorder.hooks.modules.newborn[id(module)] = partial(self._called, stack, inside)

    def _called(self, stack: frames.Stack, inside: bool, module: Any) -> None:
        """What only scales is as good as a function where it is made anew; weights are not."""
        parameters = [(name, p) for name, p in module._parameters.items() if p is not None]
        if any(p.dim() > 1 for _, p in parameters):
            for name, parameter in parameters:
                path, itself = f"{type(module).__name__}.{name}", weakref.ref(module)
                self._born[id(parameter)] = Birth(weakref.ref(parameter), itself, path, stack, inside)

    def answered(self, call: Backward, leaves: Sequence[Any]) -> None:
        """Tell what a backward pass gave a gradient to that stands in the place of another, which is gone.

        Args:
            leaves: what the pass leads to.
        """
        if not self._born:
            return
        held = {id(p) for p in self._recorder.requests.steps.held()}
        born = [(leaf, b) for leaf in leaves if (b := self._born.get(id(leaf))) is not None and b.parameter() is leaf]
        if held.isdisjoint(id(leaf) for leaf in leaves):
            born = [(leaf, birth) for leaf, birth in born if birth.inside]  # nothing is trained together with it
        born = [(leaf, birth) for leaf, birth in born if birth.inside or id(leaf) not in held]
        anew = [(leaf, birth) for leaf, birth in born if self._is_again(birth, call.mark)]
        self._born = {key: birth for key, birth in self._born.items() if birth.parameter() is not None}
        if anew:
            with self._recorder.log.own_work():
                graph = self._graph(call, anew, [leaf for leaf in leaves if id(leaf) in held])
            self._recorder._told(graph)

    def _is_again(self, birth: Birth, mark: int) -> bool:
        site = (birth.path, *site_of(birth.stack))
        before, module = self._before.setdefault(site, (mark, birth.module))
        if before != mark and module() is not None and module() is birth.module():
            self._lasting.add(site)  # it serves several passes: one for each fold, say
        return before != mark and module() is None and site not in self._lasting

    def _graph(self, call: Backward, anew: Sequence[tuple[Any, Birth]], trained: Sequence[Any]) -> Graph:
        """The parameters that are made anew, and behind them those that are trained in the same pass."""
        recorder = self._recorder
        leaves = [leaf for leaf, _ in anew]
        paths = unique([birth.path for _, birth in anew])
        pairs = zip(leaves, paths, strict=True)
        described = [Described(p, path, "present", False, True, None, False, None) for p, path in pairs]
        others = [(p, home.path) for p in trained if (home := recorder.known.home(p)) is not None]
        described += [Described(p, path, "present", False, True, None, True, True) for p, path in others]
        request = Request(call.api, ("born",), call.stack, None, (), (), (call.mark,), recorder.requests.steps.last())
        graph = close(recorder, request, described, recorder._names(None, ()))
        places = [_asked_for(frames.spans(birth.stack)) for _, birth in anew]
        marked = (
            replace(p, history=(Event("renewed", place, "" if birth.inside else "beside"),))
            for p, place, (_, birth) in zip(graph.parameters, places, anew, strict=False)
        )
        return replace(graph, parameters=(*marked, *graph.parameters[len(anew) :]))


def _asked_for(stack: Sequence[Span]) -> Span:
    """The place that wanted the layer, or what it is a part of: no constructor's own."""
    return next((s for s in stack if not (s.function or "").endswith("__init__")), stack[0])
