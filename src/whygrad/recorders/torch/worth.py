"""What a tensor is worth: zero in every element, not finite in some, or neither, by one look at its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import torch
from torch import Tensor, float32, isfinite, isnan, strided, view_as_real

from whygrad.graph import GradientSeen

_WIDE = (torch.float32, torch.float64)  # in narrower types what is finite soon overflows
# Larger ones are not looked at on the way forward, which would cost as much as what made them.
_MOST_ELEMENTS = 1 << 16
# Bound now: the script may put something of its own in their place, and what we look at is no call of the script's.
_all, _any, _detach, _item, _sum = Tensor.all, Tensor.any, Tensor.detach, Tensor.item, Tensor.sum
_resolve_conj = Tensor.resolve_conj
# How many modes of the script's hear every operation that is dispatched.
_modes: Callable[[], int] = getattr(torch._C, "_len_torch_dispatch_stack", lambda: 0)


def is_zero(tensor: Any) -> bool:
    """Whether a tensor is zero in every element."""
    values = _detach(tensor)
    return not (bool(_sum(values)) or bool(_any(values)))  # the sum is ten times cheaper, and nearly always settles it


def is_finite(tensor: Any) -> bool:
    """Whether a tensor of a wide type holds finite numbers only."""
    return tensor.dtype in _WIDE and looked_at(tensor) in ("present", "zero")


def brokenness(tensor: Any) -> int:
    """1 for a small enough tensor that holds something infinite, 2 for one with no numbers in it."""
    if tensor.numel() > _MOST_ELEMENTS or not tensor.is_floating_point() or not _is_plain(tensor):
        return 0
    return 0 if looked_at(tensor) != "nonfinite" else 2 if bool(_any(isnan(_detach(tensor)))) else 1


def unheard() -> AbstractContextManager[Any]:
    """Keeps our looks from the script's subclasses of tensors and its modes: what we look at is not its doing."""
    guard: AbstractContextManager[Any] = torch._C.DisableTorchFunction()
    if not _modes():
        return guard
    from torch.utils._python_dispatch import _disable_current_modes

    both = ExitStack()
    both.enter_context(guard)
    both.enter_context(_disable_current_modes())
    return both


def worth(gradient: Any) -> GradientSeen:
    """Zero in every element, not finite in some, or neither; ``unknown`` where there is nothing to look at."""
    with unheard():
        return looked_at(gradient)


def worths(named: Iterable[tuple[int, Any]]) -> dict[int, GradientSeen]:
    """The same of many, by their keys, without those that are ``None``."""
    plain = torch._C._functorch.peek_interpreter_stack() is None  # outside of torch.func nothing is in a wrap
    with unheard():
        return {
            key: "present" if plain and _is_common(gradient) and _is_useful(gradient) else looked_at(gradient)
            for key, gradient in named
            if gradient is not None
        }


def _is_common(gradient: Any) -> bool:
    # Of one that requires a gradient, a look would be another operation.
    return type(gradient) is Tensor and gradient.dtype is float32 and not gradient.requires_grad


def _is_useful(gradient: Any) -> bool:
    """Whether one look is enough to see that a gradient is neither zero nor broken."""
    try:
        total = _item(_sum(gradient))
    except RuntimeError:
        return False  # it has no numbers
    return bool(total) and math.isfinite(total)


def _is_plain(gradient: Any) -> bool:
    return gradient.is_cpu and gradient.layout is strided


def looked_at(gradient: Any) -> GradientSeen:
    """As ``worth``, where torch functions are not heard already."""
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor(gradient)
    values = torch.func.debug_unwrap(gradient) if wrapped else gradient
    if type(values) is not Tensor or values.requires_grad:
        values = _detach(values)
    if not wrapped and _is_common(values) and _is_useful(values):
        return "present"
    if not _is_plain(values):
        if values.device.type == "meta" or values.layout not in (torch.strided, torch.sparse_coo):
            return "unknown"
        values = values.coalesce().values() if values.is_sparse else values
    if not values.is_floating_point():
        if not values.is_complex():
            return "unknown"
        values = view_as_real(_resolve_conj(values))
    size = values.numel()
    if not size:
        return "unknown"
    try:
        # The sum is by far the cheapest look, and it settles nearly every case.
        total = float(_item(values if size == 1 else _sum(values)))
    except RuntimeError:
        return "unknown"  # inside a function of torch.func there are no numbers yet
    if not math.isfinite(total):
        return "present" if bool(_all(isfinite(values))) else "nonfinite"
    return "present" if total or bool(_any(values)) else "zero"
