"""``torch.compile``: compiled code is not heard, so while we record it runs as it was written.

``torch.compiler.set_stance`` is public, and the stance that was found is put back. The compiler looks at every function
that runs between two parts of compiled code, and would warn of what it finds in ours: it is told to pass over them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import torch

from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.log import Log

Function = TypeVar("Function", bound=Callable[..., Any])


def passed_over(function: Function) -> Function:
    """The compiler does not look at this function of ours, but at what it calls of the script's or of torch's."""
    return _marked(function, "DEFAULT")


def unseen(function: Function) -> Function:
    """The compiler looks neither at this function of ours nor at anything that it calls."""
    return _marked(function, "SKIP")


def _marked(function: Function, inside: str) -> Function:
    compiler: Any = getattr(getattr(torch._C, "_dynamo", None), "eval_frame", None)
    if hasattr(compiler, "set_code_exec_strategy"):  # a private name, of which nothing depends but a warning
        action = compiler._FrameAction
        strategy = compiler._FrameExecStrategy(action.SKIP, getattr(action, inside))
        compiler.set_code_exec_strategy(getattr(function, "__code__", None), strategy)
    return function


def install(patches: Patches, log: Log) -> None:
    """Take the stance once the script compiles something: before, it would only cost the import of the compiler."""
    for name in ("trace", "trace_module"):
        patches.replace(torch.jit, name, _apart(getattr(torch.jit, name), log))
    original = torch.compile
    taken: list[Any] = []

    def take() -> None:
        if not taken:
            from torch._dynamo import eval_frame

            taken.append(eval_frame._stance)
            torch.compiler.set_stance("force_eager")

    def give_back() -> None:
        if taken:
            vars(sys.modules["torch._dynamo.eval_frame"])["_stance"] = taken.pop()

    @wraps(original)
    def compile(*args: Any, **kwargs: Any) -> Any:
        compiled = original(*args, **kwargs)
        if patches.on:
            take()
        return compiled

    patches.replace(torch, "compile", compile)
    patches.defer(give_back)
    if "torch._dynamo.eval_frame" in sys.modules:
        take()


def _apart(original: Any, log: Log) -> Any:
    """TorchScript's tracer runs the script with tensors that have no sizes yet; nothing is trained by it."""

    @wraps(original)
    def trace(*args: Any, **kwargs: Any) -> Any:
        with log.own_work():
            return original(*args, **kwargs)

    return trace
