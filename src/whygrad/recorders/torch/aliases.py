"""Optimizers of tensors that share memory with parameters and are not them: no backward pass gives these anything."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from whygrad.graph import Parameter
from whygrad.recorders.torch.tensors import is_made
from whygrad.recorders.torch.undone import are, marks
from whygrad.recorders.torch.worth import unheard

if TYPE_CHECKING:
    from whygrad.recorders.torch.lives import Lives
    from whygrad.recorders.torch.names import Names


@dataclass(slots=True)
class Alias:
    """A parameter in whose place an optimizer holds another tensor, and some of the numbers that it held then."""

    parameter: Parameter
    tensor: weakref.ref[Any]
    first: list[Any]
    moved: bool = False

    def look(self) -> None:
        """Whether it still holds the same numbers; one that is gone is as it was when it was last looked at."""
        tensor = self.tensor()
        if tensor is not None and not self.moved:
            with unheard(), torch.no_grad():
                self.moved = not are(self.first, [tensor])


def aliases(held: Iterable[Any], lives: Lives, names: Names) -> Iterator[Alias]:
    """The parameters behind the plain tensors that a new optimizer holds.

    Args:
        lives: of the modules that live; ``names``: what the script calls them.
    """
    plain = [t for t in held if type(t) is torch.Tensor and not t.requires_grad and _is_plain(t)]
    if not plain:
        return
    modules = list(lives.modules)
    parameters = [p for m in modules for p in m._parameters.values() if p is not None and p.requires_grad]
    known = {_memory(p): p for p in parameters if _is_plain(p)}
    for tensor in plain:
        parameter = known.get(_memory(tensor))
        home = names.homes.get(id(parameter))
        if parameter is not None and home is not None:
            shape, dtype = tuple(parameter.shape), str(parameter.dtype).removeprefix("torch.")
            described = Parameter(home.path, shape, dtype, gradient="present")
            yield Alias(described, weakref.ref(parameter), marks([parameter]))


def _is_plain(tensor: Any) -> bool:
    return is_made(tensor) and bool(tensor.layout is torch.strided and tensor.device.type != "meta" and tensor.numel())


def _memory(tensor: Any) -> tuple[int, tuple[int, ...]]:
    return tensor.data_ptr(), tuple(tensor.shape)
