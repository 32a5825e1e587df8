"""What is known of a torch function by its name: looked up once, since it is asked at every call."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from whygrad.recorders.torch import ops
from whygrad.recorders.torch.values import POLES


@dataclass(frozen=True, slots=True)
class Facts:
    """A function.

    Attributes:
        writes: it changes its first argument.
        pole: its derivative has one, so what goes back through it is measured.
        arithmetic: a Python number among its arguments is an operand.
        norm: its order may make another operation of it.
    """

    name: str
    writes: bool
    pole: bool
    arithmetic: bool
    norm: bool


@cache
def facts_of(name: str) -> Facts:
    """What is known of a function of this name."""
    plain = ops.plain(name)
    return Facts(name, ops.changes_first(name), plain in POLES, plain in ops.ARITHMETIC, name in ops.NORMS)


def name_of(func: Any) -> str:
    """A function's name; of a property, its own with ``:get`` or ``:set``."""
    name = str(getattr(func, "__name__", func))
    if name in ("__get__", "__set__"):
        return f"{func.__self__.__name__}:{name[2:-2]}"
    return name


def variant(facts: Facts, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Facts:
    """A division that rounds, and a norm that counts what is not zero, are operations of their own."""
    how = kwargs.get("rounding_mode")
    if how is not None:
        return facts_of(f"div_{how}_" if facts.name.endswith("_") else f"div_{how}")
    if facts.norm:
        order = kwargs.get("p", kwargs.get("ord", args[1] if len(args) > 1 else None))
        return facts_of(f"{facts.name}_0") if type(order) in (int, float) and order == 0 else facts
    return facts
