"""Plain tensors that an optimizer holds and that require no gradient: was that meant, or forgotten?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from whygrad.recorders.torch.facts import groups_of
from whygrad.recorders.torch.log import Ran

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch


def forgotten(recorder: Torch, optimizer: Any, opened: int) -> list[Any]:
    """What was to be trained and was made without ``requires_grad=True``: it is read, and nobody ever set that.

    A parameter that requires no gradient is frozen; a tensor that the script makes itself starts like that. One that
    no operation reads stands in its optimizer for another reason (a schedule that is to be looked at).

    Args:
        opened: the entry of the log where the step begins.
    """
    held = (p for group in groups_of(optimizer) for p in group["params"])
    plain = [p for p in held if type(p) is torch.Tensor and not p.requires_grad and p.is_floating_point()]
    if not plain:
        return []
    entries = recorder.log.since(opened)
    read = {serial for entry in entries if isinstance(entry, Ran) for serial in entry.inputs}
    return [p for p in plain if recorder.log.known(p) in read and not any(recorder.lives.freezes(p))]
