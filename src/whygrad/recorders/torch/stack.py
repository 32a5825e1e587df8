"""Where our mode stands among the function modes of a thread: under every one of the script's."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from torch.overrides import TorchFunctionMode


def join(mode: TorchFunctionMode) -> None:
    """Put a mode under every other of this thread."""
    length, pop, push = _stack()
    above = [pop() for _ in range(length())] if length() else ()
    push(mode)
    for each in reversed(above):
        push(each)


def leave(mode: TorchFunctionMode) -> bool:
    """Take a mode out of the stack of this thread; inside of its own handler it is not on it, and stays silent.

    Returns:
        whether it was there.
    """
    length, pop, push = _stack()
    depth = length()
    if depth == 1:  # nearly always, and this is asked several times a step
        only = pop()
        if only is not mode:
            push(only)
        return only is mode
    above = [pop() for _ in range(depth)]
    for each in reversed(above):
        if each is not mode:
            push(each)
    return any(each is mode for each in above)


@cache
def _stack() -> tuple[Callable[[], int], Callable[[], Any], Callable[[Any], None]]:
    """Private functions of torch's, which may be missing: nothing is recorded then."""
    from torch.overrides import _len_torch_function_stack, _pop_mode, _push_mode

    return _len_torch_function_stack, _pop_mode, _push_mode
