"""Where our mode stands among the function modes of a thread: under every one of the script's."""

from __future__ import annotations

from torch.overrides import TorchFunctionMode


def join(mode: TorchFunctionMode) -> None:
    """Put a mode under every other of this thread."""
    from torch.overrides import _len_torch_function_stack, _pop_mode, _push_mode

    above = [_pop_mode() for _ in range(_len_torch_function_stack())]
    for each in (mode, *reversed(above)):
        _push_mode(each)


def leave(mode: TorchFunctionMode) -> bool:
    """Take a mode out of the stack of this thread; inside of its own handler it is not on it, and stays silent.

    Returns:
        whether it was there.
    """
    from torch.overrides import _len_torch_function_stack, _pop_mode, _push_mode

    above = [_pop_mode() for _ in range(_len_torch_function_stack())]
    for each in reversed(above):
        if each is not mode:
            _push_mode(each)
    return any(each is mode for each in above)
