"""What torch called before the script put a function of its own in its place.

A function of torch's that meets a mode looks itself up by its public name and hands on what it finds. Where that is a
replacement, the replacement is running already: what has to go on is the function that it called.
"""

from __future__ import annotations

import gc
import os
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodDescriptorType, MethodWrapperType
from types import WrapperDescriptorType as SlotType
from typing import Any

import torch
from torch.overrides import handle_torch_function

_TORCH = os.path.dirname(torch.__file__) + os.sep
_COMPILED = (BuiltinFunctionType, MethodDescriptorType, SlotType)
_WRITTEN_IN_C = torch._C.TensorBase
_found: dict[CodeType, Any] = {}
gradient_of: Any = _WRITTEN_IN_C.grad.__get__


def is_torchs(function: Any) -> bool:
    """Whether a function is torch's own, and not one that stands in its place."""
    if isinstance(function, _COMPILED) or type(function).__module__.startswith("torch."):
        return True
    if isinstance(function, MethodWrapperType):  # the access to an attribute of a tensor
        function = function.__self__
        return not isinstance(function, property) or is_torchs(function.fget)
    return _is_torchs_code(getattr(function, "__code__", None))


def _is_torchs_code(code: Any) -> bool:
    return isinstance(code, CodeType) and code.co_filename.startswith(_TORCH)


def original_of(function: Any, caller: FrameType) -> Any:
    """What is to run where torch found ``function`` under the name of the function that met a mode.

    Args:
        caller: the frame that called the mode.
    """
    if caller.f_code is handle_torch_function.__code__:
        met = caller.f_back
        return function if met is None or not _is_torchs_code(met.f_code) else _function_of(met.f_code, function)
    access = function.__name__ if isinstance(function, MethodWrapperType) else ""
    replaced = function.__self__ if access else function
    name = next((name for name, value in list(vars(torch.Tensor).items()) if value is replaced), "")
    written = vars(_WRITTEN_IN_C).get(name)
    if written is None:
        return function
    return getattr(written, access) if access else written


def _function_of(code: CodeType, otherwise: Any) -> Any:
    """The function that runs this code; closures share theirs, and then it is not known which."""
    if code not in _found:
        users = [f for f in gc.get_referrers(code) if isinstance(f, FunctionType) and f.__code__ is code]
        _found[code] = users[0] if len(users) == 1 else None
    found = _found[code]
    return otherwise if found is None else found
