"""Parameters whose gradient is taken away before each step, while others of the same optimizer keep theirs."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from whygrad.graph import Event, GradientSeen, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.torch.log import Ran
from whygrad.recorders.torch.ops import changes_first
from whygrad.recorders.torch.originals import gradient_of
from whygrad.recorders.torch.tensors import shape_of
from whygrad.recorders.torch.undone import are, marks, writer_of
from whygrad.recorders.torch.worth import worths

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch

# Fewer steps may be a trial, or a part that is to wait for the others.
FEWEST_STEPS = 3


@dataclass(slots=True)
class _Found:
    """A parameter, and what became of its gradient.

    Attributes:
        first: some of the numbers that it held at first; ``moved``: whether it held others later.
        place: where its gradient went; ``request``: where it was asked for; ``count``: in how many steps it was so.
    """

    tensor: weakref.ref[Any]
    described: Parameter
    first: Sequence[Any]
    place: frames.Stack
    request: frames.Stack
    count: int = 0
    moved: bool = False

    def look(self) -> None:
        """Whether it still holds the same numbers; one that is gone is as it was when it was last looked at."""
        tensor = self.tensor()
        self.moved = self.moved or (tensor is not None and not are(self.first, [tensor]))


class Emptied:
    """Looks at what an optimizer is about to step with, as long as steps are recorded.

    Args:
        recorder: of the log in which is what the script wrote to gradients.
    """

    def __init__(self, recorder: Torch) -> None:
        self._recorder = recorder
        self._found: dict[int, _Found] = {}

    def look(
        self, begun: int, sources: Sequence[Any], got: Mapping[int, GradientSeen], cleared: frames.Stack, asked: Any
    ) -> None:
        """An optimizer is about to step.

        Args:
            begun: the entry of the last backward pass.
            got: what the gradients were worth right after it.
            cleared: where a call cleared gradients since; ``asked``: where the backward pass was asked for.
        """
        log = self._recorder.log
        set_since = {serial: stack for serial, (when, stack) in log.emptied.items() if when > begun}
        if not (cleared or set_since or any(_writes(entry) for entry in log.since(begun))):
            return
        with log.own_work():
            left = worths([(id(p), gradient_of(p)) for p in sources])
            gone = [p for p in sources if got.get(id(p)) == "present" and left.get(id(p), "zero") == "zero"]
            for parameter in gone if len(gone) < len(sources) else ():
                gradient = gradient_of(parameter)
                written = writer_of(log, begun, [gradient]) if gradient is not None else ()
                place = set_since.get(log.known(parameter), ()) or written or cleared
                self._note(parameter, place, asked)

    def _note(self, parameter: Any, place: frames.Stack, asked: frames.Stack) -> None:
        found, home = self._found.get(id(parameter)), self._recorder.known.home(parameter)
        if (found is None or found.tensor() is not parameter) and home is not None:
            described = Parameter(home.path, shape_of(parameter), str(parameter.dtype)[6:], gradient="present")
            found = _Found(weakref.ref(parameter), described, marks([parameter]), place, asked)
            self._found[id(parameter)] = found
        if found is not None:
            found.count += 1

    def look_again(self) -> None:
        """An optimizer is about to step, recorded or not."""
        if self._found:
            with self._recorder.log.own_work(), torch.no_grad():
                for found in self._found.values():
                    found.look()

    def graphs(self) -> Iterator[Graph]:
        """Of those that stood still from then on, Graphs that say so, one for each place."""
        self.look_again()
        kept = [f for f in self._found.values() if f.place and f.count >= FEWEST_STEPS and not f.moved]
        for place in dict.fromkeys(found.place for found in kept):
            event, own = Event("zeroed", frames.spans(place)[0], "cleared alone"), [f for f in kept if f.place == place]
            told = [replace(found.described, history=(event,)) for found in own]
            asked = frames.spans(own[0].request)
            yield GraphBuilder("torch", "torch.Tensor.backward").graph((), told, asked)


def _writes(entry: Any) -> bool:
    return isinstance(entry, Ran) and changes_first(entry.name)
