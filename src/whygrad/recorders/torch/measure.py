"""Norms and counts of tensors, as plain numbers; nothing here is seen by autograd or by the recording."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from whygrad.watching.health import Gradient

# Of larger parameters this many elements stand for all, where an update is measured.
MOST_ELEMENTS = 1 << 16


def readable(tensor: Any) -> Any:
    """The plain tensor behind a parameter or gradient: of a sharded one its local part, ``None`` where there is none.

    What computes by rules of its own (quantized weights, for one) is left alone.
    """
    if tensor is None or tensor.device.type == "meta":
        return None
    if hasattr(tensor, "to_local"):
        return tensor.to_local()
    own_rules = type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__
    return None if own_rules else tensor.detach()


def gradients_of(tensors: Sequence[Any]) -> list[Gradient | None]:
    """What each gradient is worth; ``None`` where it is not to be read."""
    plain = [readable(tensor) for tensor in tensors]
    dense = [_values(each) for each in plain]
    kept = [each for each in dense if each is not None]
    norms, counts = _numbers([_norm(each) for each in kept]), _numbers([torch.count_nonzero(each) for each in kept])
    found: list[Gradient | None] = []
    measured = zip(norms, counts, kept, strict=True)
    for tensor, values in zip(plain, dense, strict=True):
        if values is None:
            found.append(None)
            continue
        norm, count, each = next(measured)
        bad = 0 if math.isfinite(norm) else int(each.numel() - torch.isfinite(each).sum().item())
        found.append(Gradient(norm, 1.0 - count / max(tensor.numel(), 1), bad))
    return found


def norms_of(tensors: Sequence[Any]) -> list[float]:
    """The norm of each tensor."""
    return _numbers([_norm(each) for each in tensors])


def sample(tensor: Any) -> tuple[Any, float]:
    """A copy of a parameter's elements, or of some of them, and by what its norm is to be multiplied."""
    flat = tensor.reshape(-1)
    if flat.numel() <= MOST_ELEMENTS:
        return flat.clone(), 1.0
    # An odd step, so that the elements do not all come from the same columns.
    some = flat[:: math.ceil(flat.numel() / MOST_ELEMENTS) | 1]
    return some.clone(), math.sqrt(flat.numel() / some.numel())


def _values(tensor: Any) -> Any:
    """The numbers of a gradient, of a sparse one those that are there."""
    if tensor is None or tensor.layout is torch.strided:
        return tensor
    return tensor.coalesce().values() if tensor.layout is torch.sparse_coo else None


def _norm(tensor: Any) -> Any:
    if tensor.dtype in (torch.float16, torch.bfloat16):
        return torch.linalg.vector_norm(tensor, dtype=torch.float32)  # squares leave the range of half precision
    return torch.linalg.vector_norm(tensor)


def _numbers(scalars: Sequence[Any]) -> list[float]:
    """Read them: from an accelerator all at once, for each reading waits for it."""
    if all(each.device.type == "cpu" for each in scalars):
        return [float(each) for each in scalars]
    device = next(each.device for each in scalars if each.device.type != "cpu")
    return [float(x) for x in torch.stack([each.to(device, torch.float32) for each in scalars]).tolist()]
