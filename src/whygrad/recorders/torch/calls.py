"""What a call of a torch function is: what it is named, which tensors it gives or writes to, who made it."""

from __future__ import annotations

import os
from typing import Any

from whygrad.recorders import frames
from whygrad.recorders.torch import ops
from whygrad.recorders.torch.tensors import scan

_PARAMETER = os.path.join("torch", "nn", "parameter.py")
_OPTIONS = (str, bool, int, type(None))


def options(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The settings of a call, which may leave an argument out of the way back (``interpolation="lower"``)."""
    return [value for value in (*args, *kwargs.values()) if type(value) in _OPTIONS]


def name_of(func: Any) -> str:
    """A function's name; of a property, its own with ``:get`` or ``:set``; of an overload, that of its operator."""
    name = str(getattr(func, "__name__", func))
    if name in ("__get__", "__set__"):
        return f"{func.__self__.__name__}:{name[2:-2]}"
    return name.partition(".")[0]


def variant(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """A division that rounds, and a norm that counts what is not zero, are operations of their own."""
    how = kwargs.get("rounding_mode") if kwargs else None
    if how is not None:
        return f"div_{how}_" if name.endswith("_") else f"div_{how}"
    if name in ops.NORMS:
        order = kwargs.get("p", kwargs.get("ord", args[1] if len(args) > 1 else None))
        return f"{name}_0" if type(order) in (int, float) and order == 0 else name
    return name


def outputs_of(func: Any, args: tuple[Any, ...], result: Any) -> list[Any]:
    """The tensors that a call gave or wrote to."""
    found: list[Any] = []
    if result is None and args and ops.changes_first(name_of(func)):
        scan(args[:1], found)
    else:
        scan((result,), found)
    return found


def through_view(func: Any, first: Any) -> bool:
    """Whether a call writes through a view: its gradient goes to what the view is of, past the view's own edge."""
    return first._base is not None and ops.changes_first(name_of(func))


def copies(code: Any) -> bool:
    """Whether this is torch's way to copy a parameter: the copy is a parameter of its own, not a value made of it."""
    return bool(code.co_name == "__deepcopy__" and code.co_filename.endswith(_PARAMETER))


def in_sampler(frame: Any) -> bool:
    """Whether a library's sampling function is what switched recording off."""
    while frame is not None and not frames.is_user_file(frame.f_code.co_filename):
        if frame.f_code.co_name in ops.SAMPLERS and "distributions" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False
