"""What a call of a torch function is: what its name says, looked up once, which tensors it gives, who made it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from types import CodeType, FrameType
from typing import Any

import torch

from whygrad.recorders import frames
from whygrad.recorders.torch import ops
from whygrad.recorders.torch.tensors import scan

_OPTIMIZERS = os.path.join("torch", "optim", "")
_PARAMETER = os.path.join("torch", "nn", "parameter.py")
_OPTIONS = frozenset((str, bool, int, type(None)))


@dataclass(frozen=True, slots=True)
class Facts:
    """A function.

    Attributes:
        writes: it changes its first argument.
        pole: its derivative has one, so what goes back through it is measured.
        smooth: it has none where the result is finite.
        arithmetic: a Python number among its arguments is an operand.
        settled: its settings may make another operation of it.
    """

    name: str
    writes: bool
    pole: bool
    smooth: bool
    arithmetic: bool
    settled: bool


@cache
def facts_of(name: str) -> Facts:
    """What is known of a function of this name."""
    plain = ops.plain(name)
    writes, pole, smooth = ops.changes_first(name), plain in ops.POLES, plain in ops.SMOOTH
    settled = name in ops.NORMS or name in ops.SCALED or name in ops.CENTRED
    return Facts(name, writes, pole, smooth, plain in ops.ARITHMETIC, settled)


def name_of(func: Any) -> str:
    """A function's name; of a property, its own with ``:get`` or ``:set``; of an overload, that of its operator."""
    name = str(getattr(func, "__name__", func))
    if name in ("__get__", "__set__"):
        return f"{func.__self__.__name__}:{name[2:-2]}"
    return name.partition(".")[0]


def options(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The settings of a call, which may leave an argument out of the way back (``interpolation="lower"``)."""
    return [value for value in (*args, *kwargs.values()) if type(value) in _OPTIONS]


def adds_nothing(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a number among the arguments is 0: if it is what a normalisation adds to the variance, it has a pole."""
    return any(type(value) in (float, int) and value == 0 for value in (*args, *kwargs.values()))


def variant(facts: Facts, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Facts:
    """What a call's settings make an operation of its own.

    That is a division that rounds, a norm that counts what is not zero, and what scales each entry alone to length 1.
    """
    how = kwargs.get("rounding_mode")
    if how is not None:
        return facts_of(f"div_{how}_" if facts.name.endswith("_") else f"div_{how}")
    if facts.name in ops.SCALED:
        return facts_of(f"{facts.name}_1") if _is_single(args, kwargs, ops.SCALED[facts.name]) else facts
    if facts.name in ops.CENTRED:
        return facts_of(f"{facts.name}_1") if _is_alone(facts.name, args, kwargs) else facts
    if facts.settled:
        order = kwargs.get("p", kwargs.get("ord", args[1] if len(args) > 1 else None))
        return facts_of(f"{facts.name}_0") if type(order) in (int, float) and order == 0 else facts
    return facts


def _is_alone(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a norm takes the mean of one entry each time."""
    if name == "layer_norm":
        axes = kwargs.get("normalized_shape", args[1] if len(args) > 1 else ())
        return isinstance(axes, Sequence) and prod(axes) == 1
    given, groups = kwargs.get("input", args[0] if args else None), kwargs.get("num_groups", args[1:2])
    count = groups[0] if isinstance(groups, tuple) and groups else groups
    if not isinstance(given, torch.Tensor) or type(count) is not int or given.dim() < 2:
        return False
    return bool(prod(given.shape[1:]) == count)


def _is_single(args: tuple[Any, ...], kwargs: dict[str, Any], position: int) -> bool:
    """Whether the axis that a call works along has one entry in each tensor that it is given."""
    axis = kwargs.get("dim", args[position] if len(args) > position else 1)
    tensors: list[Any] = []
    scan((*args, *kwargs.values()), tensors)
    inside = type(axis) is int and all(-t.dim() <= axis < t.dim() and not t.is_complex() for t in tensors)
    order = kwargs.get("p", args[1] if len(args) > 1 else None)
    if type(order) in (int, float) and order == 0:
        return False  # that counts, and what is divided by a count stays as it is
    return inside and all(t.shape[axis] == 1 for t in tensors) and len({t.dim() for t in tensors}) == 1


def outputs_of(facts: Facts, args: tuple[Any, ...], result: Any) -> list[Any]:
    """The tensors that a call gave or wrote to."""
    found: list[Any] = []
    if result is None and args and facts.writes:
        scan(args[:1], found)
    else:
        scan((result,), found)
    return found


def is_torchs_own(code: CodeType) -> bool:
    """Whether a frame's calls are none of the script's: an optimizer's work around a closure, a parameter's copy."""
    file = code.co_filename  # to remember it by the code would cost more: Python computes a code's hash each time
    return _OPTIMIZERS in file or (code.co_name == "__deepcopy__" and file.endswith(_PARAMETER))


def in_sampler(frame: FrameType | None) -> bool:
    """Whether a library's sampling function is what switched recording off."""
    while frame is not None and not frames.is_user_file(frame.f_code.co_filename):
        if frame.f_code.co_name in ops.SAMPLERS and "distributions" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False
