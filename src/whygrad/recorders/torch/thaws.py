"""Parameters that were frozen while the first steps were recorded, and are thawed later and given to no optimizer."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch

from whygrad.graph import Event, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.torch.originals import gradient_of
from whygrad.recorders.torch.tensors import shape_of

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch

# In every so many steps of an optimizer they are looked at; what is found must hold until the next look.
_EVERY = 4


@dataclass(slots=True)
class _Found:
    """One that was thawed, at its first look: the sum of what it then held, and what is to be said of it."""

    value: float
    parameter: Parameter
    place: frames.Stack
    stays: bool = False


class Thaws:
    """Looks after recording has ended.

    Args:
        held: what the living optimizers hold.

    Attributes:
        recorder: whose names the parameters get.
    """

    def __init__(self, held: Callable[[], list[Any]]) -> None:
        self._held = held
        self.recorder: Torch | None = None
        self._frozen: list[weakref.ref[Any]] | None = None
        self._found: dict[int, _Found] = {}
        self._steps = 0

    def look(self, frame: FrameType, place: frames.Stack) -> None:
        """An optimizer steps.

        Args:
            place: where it was made.
        """
        recorder = self.recorder
        if recorder is None or recorder.recording:
            self._frozen = None
            return
        if self._frozen is None:
            held = (p for m in list(recorder.lives.modules) for p in m._parameters.values() if p is not None)
            self._frozen = [weakref.ref(p) for p in {id(p): p for p in held if not p.requires_grad}.values()]
        self._steps += bool(self._frozen)
        if self._frozen and self._steps % _EVERY == 0:
            thawed = [p for ref in self._frozen if (p := ref()) is not None and p.requires_grad]
            if thawed:
                with recorder.log.own_work():
                    self._judge(thawed, frame, place)

    def is_idle(self) -> bool:
        """Whether nothing was frozen when recording ended."""
        return self._frozen == []

    def graphs(self) -> Iterator[Graph]:
        """For each optimizer that some were not given to, a Graph that says so and has no operations."""
        for place in dict.fromkeys(found.place for found in self._found.values() if found.stays and found.place):
            kept = Event("kept", frames.spans(place)[0], "thawed later")
            own = [f.parameter for f in self._found.values() if f.stays and f.place == place]
            named = [Parameter(p.path, p.shape, p.dtype, gradient="present", history=(kept,)) for p in own]
            yield GraphBuilder("torch", "torch.optim.Optimizer.step").graph((), named)

    def _judge(self, thawed: list[Any], frame: FrameType, place: frames.Stack) -> None:
        held = {id(p) for p in self._held()}
        left = [p for p in thawed if id(p) not in held and gradient_of(p) is not None]
        new = [p for p in left if id(p) not in self._found]
        names = self.recorder._names(frame, new) if new and self.recorder is not None else None
        lost = self._found.keys() - {id(p) for p in left}
        for tensor in left:
            value, found = _sum(tensor), self._found.get(id(tensor))
            if found is not None:
                found.stays = value == found.value  # nobody moves it by hand either
            elif names is not None and (home := names.homes.get(id(tensor))) is not None:
                dtype = str(tensor.dtype).removeprefix("torch.")
                self._found[id(tensor)] = _Found(value, Parameter(home.path, shape_of(tensor), dtype), place)
        for number in lost:
            del self._found[number]


def _sum(tensor: Any) -> float:
    with torch.no_grad():
        return float(tensor.detach().double().sum())
