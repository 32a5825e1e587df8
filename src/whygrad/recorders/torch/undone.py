"""What is put back after each step of an optimizer: a checkpoint loaded again, an average copied over the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from whygrad.recorders import frames
from whygrad.recorders.torch import ops
from whygrad.recorders.torch.log import Log, Ran
from whygrad.recorders.torch.worth import unheard

# So many elements stand for a parameter; so many parameters are looked at while none has come back.
_SAMPLE, _FEW = 64, 3
# Fewer returns may be a trial.
FEWEST_RETURNS = 3
# Who keeps a parameter within bounds, or in its place among others, means to undo what leads out of them.
_BOUNDS = ("clamp", "clip", "maximum", "minimum", "renorm")

# Bound now: the script may put something of its own in their place, and what we look at is no call of the script's.
_detach, _reshape, _clone, _equal = torch.Tensor.detach, torch.Tensor.reshape, torch.Tensor.clone, torch.equal

Writer = Callable[[Iterable[Any]], frames.Stack]


@dataclass(slots=True)
class Undone:
    """Whether an optimizer begins its first steps with the same numbers each time, though its steps change them.

    Attributes:
        returns: at how many later steps all was as at the first; -1 once something was not.
        moved: whether each step since changed something; ``writer``: what wrote to it in between.
    """

    returns: int = 0
    moved: bool = True
    writer: frames.Stack = ()
    _first: list[Any] = field(default_factory=list)
    _looked: bool = False
    _state: int = 0

    @property
    def is_certain(self) -> bool:
        """Whether it came back often enough, and who does it is known."""
        return self.returns >= FEWEST_RETURNS and self.moved and bool(self.writer)

    def begins(self, optimizer: Any, held: Sequence[Any], writer: Writer) -> None:
        """A step begins.

        Args:
            held: what the optimizer holds; ``writer``: where the script last wrote to some of that since its last step.
        """
        if self.returns < 0:
            return
        self._looked, state = True, id(getattr(optimizer, "state", None))
        with unheard(), torch.no_grad():
            if not self._first:
                self._first, self._state = marks(held[:_FEW]), state
            elif state != self._state or not are(self._first, held):
                self.returns, self._first = -1, []  # who begins anew with the optimizer too means it so
            else:
                self.returns += 1
                self.writer = writer(held) or self.writer
                if self.returns == 1:
                    self._first = marks(held)

    def ends(self, held: Sequence[Any]) -> None:
        """The step that began is over."""
        if self._looked and self.returns > 0:
            with unheard(), torch.no_grad():
                self.moved = self.moved and not are(self._first, held)
        self._looked = False


def writer_of(log: Log, since: int, held: Iterable[Any]) -> frames.Stack:
    """Where one of some tensors was last written to, directly or through `.data`, from an entry of the log on.

    Nowhere if one was written to that is computed from what they held by then: that keeps them within bounds.
    """
    same = {number for number in map(log.known, held) if number}
    computed: set[int] = set()
    found: frames.Stack = ()
    for entry in log.since(since):
        if not isinstance(entry, Ran):
            continue
        name, read = ops.plain(entry.name), set(entry.inputs)
        made = {one.serial for one in entry.made}
        if ops.changes_first(entry.name) and entry.inputs and entry.inputs[0] in same:
            if name in _BOUNDS or (read - same) & computed:
                return ()
            found = entry.stack
        elif name in ("data:get", "detach") and read & same:
            same |= made
        elif read & (same | computed):
            computed |= made
    return found


def marks(held: Sequence[Any]) -> list[Any]:
    """Copies of some elements of each parameter; ``None`` of what can not be read."""
    return [_clone(_reshape(_detach(p), -1)[:_SAMPLE]) if _is_plain(p) else None for p in held]


def _is_plain(tensor: Any) -> bool:
    own_rules = type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__
    return not own_rules and tensor.layout is torch.strided and tensor.device.type != "meta"


def are(first: Sequence[Any], held: Sequence[Any]) -> bool:
    """Whether parameters hold what they held."""
    now = marks(held[: len(first)])
    pairs = [(one, other) for one, other in zip(first, now, strict=False) if one is not None and other is not None]
    return bool(pairs) and len(now) == len(first) and all(_equal(one, other) for one, other in pairs)
