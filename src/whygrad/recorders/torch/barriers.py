"""Why nothing passes through an operation: what its barriers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from whygrad.graph import Shape
from whygrad.recorders.torch import ops
from whygrad.recorders.torch.log import Made, Ran

Reason = tuple[str, str]
UNDERIVED: Reason = ("no-registered-gradient", "torch has no derivative for this")
DERIVED_ONCE: Reason = ("no-registered-gradient", "torch has a derivative for this, and none for that derivative")
# Over a single entry they give that entry.
_SUMS = frozenset("sum mean amax amin nansum norm linalg_norm linalg_vector_norm".split())
_SHARES = frozenset("div true_divide divide truediv".split())
CONSTANT: Reason = ("zero-gradient", "divided by its own sum over an axis of size one")
CENTRED: Reason = ("zero-gradient", "less its own mean over a single entry")
_BIAS = 2
_CENTRED = frozenset(f"{name}_1" for name in ops.CENTRED)
_SIGNS = frozenset(f"{name}_1" for name in ops.SCALED)

OWN: Reason = ("no-registered-gradient", "torch was given no formula for its derivative")


class Underived(NamedTuple):
    """What torch said has no derivative: the names by which it may have been called, and what of it there is not."""

    names: frozenset[str]
    reason: Reason


NOTHING = Underived(frozenset(), UNDERIVED)


@dataclass(slots=True)
class Reasons:
    """Finds the reasons of one replay.

    Attributes:
        unwatched: serials of sources that are plain tensors without a gradient.
        underived: the operation of which torch said that it has no derivative.
    """

    unwatched: frozenset[int]
    underived: Underived
    # What is the sum of a single entry each, and of which value.
    _sums: dict[int, int] = field(default_factory=dict)

    def is_share(
        self, name: str, inputs: Sequence[int], outputs: Sequence[int], kinds: Mapping[int, tuple[str, Shape | None]]
    ) -> bool:
        """Whether a value is divided by its own sum or length over an axis of size one, which gives 1 or its sign.

        Args:
            kinds: of each value, its type and its shape.
        """
        if name in _SUMS and len(inputs) == 1 and len(outputs) == 1:
            before, after = (kinds.get(value, ("", None)) for value in (inputs[0], outputs[0]))
            if before[1] is not None and before == after:  # the length of a complex number is of another type
                self._sums[outputs[0]] = inputs[0]
        if name in _SIGNS:
            return True
        return name in _SHARES and len(inputs) == 2 and self._sums.get(inputs[1]) == inputs[0]

    def of(self, entry: Ran, i: int, o: int, grad: bool, made: Made, kept: bool) -> Reason | None:
        """Why nothing passes from one input of an operation to one output, if nothing does: (kind, detail)."""
        serial = entry.inputs[i]
        name = ops.plain(entry.name)
        if serial in self.unwatched and not kept:
            return ("not-watched", name)
        if entry.name.startswith("sample:") and grad:
            return ("non-differentiable-op", "sampling has no derivative")
        if name.startswith("checkpoint:"):
            return ("recording-off", "reentrant checkpoint") if grad else None
        if grad and name in self.underived.names:
            return self.underived.reason
        if entry.name in ops.CUTS or name in ops.CUTS:
            cut = ops.CUTS.get(entry.name) or ops.CUTS[name]
            # Grad mode off cuts here as well: what copies a weight to a target is no step of the model.
            return cut if entry.recording or cut[0] != "stop-gradient" else ("recording-off", "")
        if name in _CENTRED and i < _BIAS:
            return CENTRED if grad and entry.recording else None
        if (name, i) in ops.CUTS_OF and not (kept and name in ops.OVERWRITING):
            return ops.CUTS_OF[name, i]
        if kept and name in ops.OVERWRITING:
            return ops.OVERWRITTEN
        if name == "Parameter":
            return ("stop-gradient", "nn.Parameter makes a new leaf of it") if grad else None
        if not ops.differentiable(made.dtype):
            return ("integer-dtype" if name in ops.CASTS else "non-differentiable-op", f"the result is {made.dtype}")
        if not entry.recording:
            if not grad:
                return None
            written = ops.changes_first(entry.name) and not kept
            return ("state-write" if written else "recording-off", name)
        if name == "data:set":
            return ("state-write", "`.data` is set")
        if grad and not entry.where and not any(m.requires_grad for m in entry.made):
            return ("non-differentiable-op", "its result has no gradient function")
        if entry.cut is not None and (i, o) in entry.cut:
            return ("non-differentiable-op", "autograd has no way back to this argument")
        return None
