"""Plain tensors that an optimizer holds and that require no gradient: was that meant, or forgotten?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch

from whygrad.recorders.torch.facts import params_of
from whygrad.recorders.torch.log import Log, Ran

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch


def forgotten(recorder: Torch, optimizer: Any, opened: int) -> list[Any]:
    """What was to be trained and was made without ``requires_grad=True``: it is read, and nobody ever set that.

    A parameter that requires no gradient is frozen; a tensor that the script makes itself starts like that. One that
    no operation reads stands in its optimizer for another reason (a schedule that is to be looked at).

    Args:
        opened: the entry of the log where the step begins.
    """
    plain = [
        p for p in params_of(optimizer) if type(p) is torch.Tensor and not p.requires_grad and p.is_floating_point()
    ]
    if not plain:
        return []
    return [p for p in read(recorder.log, plain, opened) if not any(recorder.lives.freezes(p))]


def read(log: Log, tensors: Iterable[Any], opened: int) -> list[Any]:
    """Of some tensors, those that an operation has read since an entry of the log; all while none is written."""
    if not log.entries:
        return list(tensors)
    met = {serial for entry in log.since(opened) if isinstance(entry, Ran) for serial in entry.inputs}
    return [tensor for tensor in tensors if log.known(tensor) in met]
