"""What gradients are worth on the way back: measured by hooks on tensors, only where and when it can matter.

An operation whose derivative has a pole is measured whenever it is recorded, since after one step with a NaN every
number is one. Once a parameter's gradient has been zero for some steps, every operation is, until that is explained.
A hook is put on a computed tensor only, and lives no longer than its graph; it changes nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal

import torch

from whygrad.graph import GradientSeen
from whygrad.recorders import frames
from whygrad.recorders.torch.identity import ByIdentity
from whygrad.recorders.torch.originals import gradient_of
from whygrad.recorders.torch.worth import brokenness, is_finite, is_zero, looked_at, unheard, worth

ZERO_STEPS = 2  # a gradient that is zero in one step may be so by chance; after this many in a row it is looked at
ZERO_STEPS_OF_ALL = 1  # where all of a request are zero, nothing moves that might change that

# Bound now: the script may put something of its own in their place, and what we look at is no call of the script's.
_register_hook = torch.Tensor.register_hook

# (entry of the log, position, whether it is an output).
Place = tuple[int, int, bool]
Noted = Literal["zero", "broken"]


@dataclass(slots=True)
class Leaf:
    """A leaf on which the script has put a hook.

    Attributes:
        place: where; ``arrived``: what last came to the leaf, before that hook saw it; ``handle``: of our own hook.
    """

    tensor: weakref.ref[Any]
    place: frames.Stack
    arrived: GradientSeen = "unknown"
    handle: Any = None


class Values:
    """Measures cotangents, and what parameters get.

    Attributes:
        seen: what was measured where, since recording began.
        noted: of which inputs every element was zero, and which outputs are not finite although the inputs are.
        overscaled: losses that are finite, and not once they are scaled.
        lost: the entries of losses that are not finite, but for those that only a loss scaler has made too large.
        everything: whether every operation is measured.
    """

    def __init__(self, fault: Callable[[BaseException], None]) -> None:
        self.fault = fault
        self.seen: dict[Place, GradientSeen] = {}
        self.noted: dict[Place, Noted] = {}
        self.lost: set[int] = set()
        self.overscaled: ByIdentity[bool] = ByIdentity()
        self.everything = False
        self._served = False
        self._hooked: dict[int, weakref.ref[Any]] = {}
        self._leaves: dict[int, Leaf] = {}
        self._zero: dict[int, tuple[weakref.ref[Any], int]] = {}
        # The gradient that was last looked at, as it then was, and what it is worth.
        self._looked: tuple[Callable[[], Any], int, GradientSeen] = (lambda: None, 0, "unknown")

    def clear(self) -> None:
        """Forget what was measured in the log's entries."""
        self.seen.clear()
        self.noted.clear()
        self.lost.clear()
        self._hooked.clear()
        for leaf in self._leaves.values():
            leaf.handle.remove()
        self._leaves.clear()
        self.everything = self._served = False

    def hooked(self, tensor: Any, frame: FrameType) -> None:
        """The script puts a hook on a tensor: what comes after it is not what goes through the operations."""
        self._hooked[id(tensor)] = weakref.ref(tensor)
        known = self._leaves.get(id(tensor))
        if tensor.grad_fn is None and tensor.requires_grad and (known is None or known.tensor() is not tensor):
            leaf = self._leaves[id(tensor)] = Leaf(weakref.ref(tensor), frames.capture(frame))
            leaf.handle = _register_hook(tensor, self._arrival(leaf))

    def silenced_at(self, tensor: Any) -> frames.Stack:
        """Where a hook was put on a leaf that was last given something; asked of one whose gradient is zero."""
        known = self._leaves.get(id(tensor))
        is_it = known is not None and known.tensor() is tensor and known.arrived == "present"
        return known.place if known is not None and is_it else ()

    def _arrival(self, leaf: Leaf) -> Callable[[Any], None]:
        fault = self.fault

        def hook(gradient: Any) -> None:
            try:
                leaf.arrived = worth(gradient)
            except Exception as error:
                fault(error)

        hook.__torch_unserializable__ = True  # type: ignore[attr-defined]  # a pickled tensor warns of no hook but its own
        return hook

    def _is_hooked(self, tensor: Any) -> bool:
        known = self._hooked.get(id(tensor))
        return known is not None and known() is tensor

    def measure(self, tensor: Any, place: Place) -> None:
        """Hook into what comes back to a tensor."""
        _register_hook(tensor, self._hook(place))

    def listen(self, entry: int, inputs: Sequence[Any], outputs: Sequence[Any], smooth: bool = False) -> None:
        """Hook into what goes back through an operation that has just run.

        Args:
            smooth: its derivative is finite wherever its result is. It can give zeros still, so it is spared only while
                the parameters get something else.
        """
        if smooth and self._served and not (self._zero or self.everything) and all(map(is_finite, outputs)):
            return
        for given, tensors in ((False, inputs), (True, outputs)):
            for position, tensor in enumerate(tensors):
                if tensor.requires_grad and tensor.grad_fn is not None and not self._is_hooked(tensor):
                    self.measure(tensor, (entry, position, given))
                if self.everything and not given and is_zero(tensor):
                    self.noted[entry, position, given] = "zero"
        for position, tensor in enumerate(outputs):
            if (level := brokenness(tensor)) and level > max(map(brokenness, inputs), default=0):
                self.noted[entry, position, True] = "broken"

    def _hook(self, place: Place) -> Callable[[Any], None]:
        seen, fault = self.seen, self.fault

        def hook(gradient: Any) -> None:
            if gradient is None:
                return  # a backward function may answer nothing
            try:
                seen[place] = _worse(seen.get(place), self._worth(gradient))
            except Exception as error:
                fault(error)

        return hook

    def _worth(self, gradient: Any) -> GradientSeen:
        """What comes to an output has come from the input of the next operation: the same tensor is looked at once."""
        with unheard():
            if gradient.is_inference():
                return looked_at(gradient)
            reference, version, known = self._looked
            if reference() is not gradient or version != gradient._version:
                known = looked_at(gradient)
                self._looked = (weakref.ref(gradient), gradient._version, known)
            return known

    def measured(
        self, tensors: Sequence[Any], seen: Sequence[GradientSeen], got: Mapping[int, GradientSeen]
    ) -> tuple[GradientSeen, ...]:
        """What the gradients of parameters are worth; a zero counts after some steps of them.

        Args:
            got: ``id`` to what was measured right after the backward pass.
        """
        worth = [got.get(id(t), one) if one == "present" else one for t, one in zip(tensors, seen, strict=True)]
        if not self._zero and "zero" not in worth:
            self._served = self._served or "present" in worth
            return tuple(worth)
        of_all = all(now == "zero" for one, now in zip(seen, worth, strict=True) if one == "present")
        fewest = ZERO_STEPS_OF_ALL if of_all else ZERO_STEPS
        return tuple(
            [
                self._steady(tensor, now, fewest) if one == "present" else one
                for tensor, one, now in zip(tensors, seen, worth, strict=True)
            ]
        )

    def still(self, tensors: Sequence[Any], seen: Sequence[GradientSeen]) -> tuple[GradientSeen, ...]:
        """The same when nothing is recorded: only what was zero before is looked at again."""
        if not self._zero:
            return tuple(seen)
        return tuple(
            worth(gradient_of(tensor)) if one == "present" and self._was_zero(tensor) else one
            for tensor, one in zip(tensors, seen, strict=True)
        )

    def has_zeros(self) -> bool:
        """Whether there is something to be looked at again."""
        return bool(self._zero)

    def _was_zero(self, tensor: Any) -> bool:
        known = self._zero.get(id(tensor))
        counts = known is not None and known[0]() is tensor and known[1] > ZERO_STEPS
        return counts and tensor.is_leaf and gradient_of(tensor) is not None

    def _steady(self, tensor: Any, now: GradientSeen, fewest: int) -> GradientSeen:
        if now != "zero":
            self._zero.pop(id(tensor), None)
            return now
        known = self._zero.get(id(tensor))
        count = known[1] + 1 if known is not None and known[0]() is tensor else 1
        self._zero[id(tensor)] = (weakref.ref(tensor), count)
        if count >= fewest:
            self.everything = True
        return "zero" if count > fewest else "unknown"


def _worse(one: GradientSeen | None, other: GradientSeen) -> GradientSeen:
    """Of what one tensor got from several losses: not finite before something before nothing."""
    if one is None:
        return other
    return max(one, other, key=("unknown", "none", "zero", "present", "nonfinite").index)
