"""Noting tensors: what there is to know of one, and the first meeting with one that nothing has made."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import torch
from torch.nn.parameter import UninitializedParameter

from whygrad.recorders import frames
from whygrad.recorders.torch import edges
from whygrad.recorders.torch.crossings import Crossings
from whygrad.recorders.torch.log import Log, Made, Met

Tensor = torch.Tensor
# Classes of objects that stand for a tensor, their ``_value``, among the arguments of a function (Keras' variables).
HOLDERS: set[type] = set()
# What most arguments are that are no tensor: asked first, it spares four questions.
NOTHING = frozenset((int, float, bool, str, type(None), torch.dtype, torch.Size))
_new = tuple.__new__  # what a record's own would call, a Python frame later


def made_of(log: Log, tensor: Any) -> Made:
    """What there is to know of a tensor now."""
    base, serial = tensor._base, log.serial
    known = 0 if base is None else serial(base)
    try:
        shape = tensor.shape
    except RuntimeError:  # of a lazy module that has not been called yet
        shape = None
    return _new(Made, (serial(tensor), tensor.dtype, shape, tensor.requires_grad, known))


def is_made(tensor: Any) -> bool:
    """Whether a parameter has a shape and values: those of a lazy module are made in its first call."""
    return type(tensor) is not UninitializedParameter


def shape_of(tensor: Any) -> tuple[int, ...]:
    """A parameter's shape; that of a number where it is not made yet."""
    return tuple(tensor.shape) if is_made(tensor) else ()


def meet(log: Log, crossings: Crossings, tensor: Any) -> int:
    """Give a number to a tensor that nothing noted has made, and note the leaves that its gradient leads to."""
    leaves = _met(log, tensor)
    if log.departed and not leaves:
        crossings.entered(tensor, "first use", frames.capture(sys._getframe(3)))
    return log.known(tensor)


def note(log: Log, tensors: Iterable[Any]) -> None:
    """The same for what the script has not handed on yet, or only to be differentiated."""
    for tensor in tensors:
        if not log.known(tensor):
            _met(log, tensor)


def _met(log: Log, tensor: Any) -> list[Any]:
    leaves = edges.leaves_of([tensor]) if tensor.grad_fn is not None else []
    made = made_of(log, tensor)
    log.add(Met(made, tuple(log.serial(leaf) for leaf in leaves)))
    return leaves


def scan(values: Iterable[Any], found: list[Any]) -> None:
    """Add the tensors of arguments, and of lists, tuples and dicts among them, to ``found``, in order."""
    for value in values:
        if type(value) in NOTHING:
            continue
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            scan(value, found)
        elif isinstance(value, dict):
            scan(value.values(), found)
        elif type(value) in HOLDERS and isinstance(value._value, Tensor):
            found.append(value._value)
