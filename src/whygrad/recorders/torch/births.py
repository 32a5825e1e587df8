"""Layers that a forward pass makes anew each time, and that nothing holds when it is over."""

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

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch


@dataclass(frozen=True, slots=True)
class Birth:
    """A parameter of a module that was made while another module ran."""

    parameter: weakref.ref[Any]
    module: weakref.ref[Any]
    path: str
    stack: frames.Stack


class Births:
    """What is made inside of forward passes.

    Args:
        recorder: for whose requests the parameters are looked at.
    """

    def __init__(self, recorder: Torch) -> None:
        self._recorder = recorder
        self._born: dict[int, Birth] = {}
        self._before: dict[tuple[Any, ...], tuple[int, weakref.ref[Any]]] = {}

    def made(self, module: Any, stack: frames.Stack) -> None:
        """A module was made; where another runs just then, it is looked at when it is called for the first time."""
        if self._recorder.log.local.scope and type(module).__module__.startswith("torch.nn."):
            self._recorder.hooks.modules.newborn[id(module)] = partial(self._called, stack)

    def _called(self, stack: frames.Stack, module: Any) -> None:
        """What only scales is as good as a function where it is made anew; weights are not."""
        parameters = [(name, p) for name, p in module._parameters.items() if p is not None]
        if any(p.dim() > 1 for _, p in parameters):
            for name, parameter in parameters:
                path, itself = f"{type(module).__name__}.{name}", weakref.ref(module)
                self._born[id(parameter)] = Birth(weakref.ref(parameter), itself, path, stack)

    def answered(self, call: Backward, leaves: Sequence[Any]) -> None:
        """Tell what a backward pass gave a gradient to that stands in the place of another, which is gone.

        Args:
            leaves: what the pass leads to.
        """
        if not self._born:
            return
        born = [(leaf, b) for leaf in leaves if (b := self._born.get(id(leaf))) is not None and b.parameter() is leaf]
        anew = [(leaf, birth) for leaf, birth in born if self._is_again(birth, call.mark)]
        self._born = {key: birth for key, birth in self._born.items() if birth.parameter() is not None}
        if anew:
            with self._recorder.log.own_work():
                graph = self._graph(call, anew)
            self._recorder._told(graph)

    def _is_again(self, birth: Birth, mark: int) -> bool:
        site = (birth.path, *site_of(birth.stack))
        before, module = self._before.setdefault(site, (mark, birth.module))
        return before != mark and module() is None

    def _graph(self, call: Backward, anew: Sequence[tuple[Any, Birth]]) -> Graph:
        recorder = self._recorder
        leaves = [leaf for leaf, _ in anew]
        paths = unique([birth.path for _, birth in anew])
        pairs = zip(leaves, paths, strict=True)
        described = [Described(p, path, "present", False, True, None, False, None) for p, path in pairs]
        request = Request(call.api, ("born",), call.stack, None, (), (), (call.mark,), recorder.requests.steps.last())
        graph = close(recorder, request, described, recorder._names(None, ()))
        places = [frames.spans(birth.stack)[0] for _, birth in anew]
        marked = (
            replace(p, history=(Event("renewed", place),)) for p, place in zip(graph.parameters, places, strict=True)
        )
        return replace(graph, parameters=tuple(marked))
