"""What a differentiated function does inside of ``shard_map``, where another interpreter of JAX's runs it.

The function that is mapped is followed from the values that it is given to those that it hands back. It sees the
same objects and runs once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from whygrad.recorders import frames
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.trace import Trace

NAME = "shard_map"


class Inside:
    """One call of a mapped function.

    Args:
        trace: what runs the call.
        args: what the call was given, in the interpreter of the trace.
        kinds: the classes of interpreters that differentiate.
        frame: where the call was made.
    """

    def __init__(self, trace: Trace, args: Sequence[Any], kinds: tuple[type, ...], frame: FrameType) -> None:
        self.trace, self.args, self.kinds = trace, args, kinds
        self.stack = frames.capture(frame)
        self.interpreter: Any = None
        self.results: list[int | None] = []

    def enter(self, given: Sequence[Any]) -> Any | None:
        """The function begins with these: the interpreter that runs it, if it differentiates."""
        self.trace.flat.tape.broken = True  # it runs on several devices, and can not be run again on one
        for outer, inner in zip(self.args, given, strict=True):
            self.trace.same(outer, inner, NAME, self.stack)
        found = (getattr(value, "_trace", None) for value in given)
        self.interpreter = next((one for one in found if isinstance(one, self.kinds)), None)
        return self.interpreter

    def leave(self, made: Any) -> None:
        """The function hands back these."""
        self.results = [self.trace.find(value) for value in compat.flat_values(made)]

    def ended(self, out: Any) -> None:
        """The call hands back these."""
        results = compat.flat_values(out)
        if len(results) == len(self.results):
            for value, inner in zip(results, self.results, strict=True):
                if inner is not None:
                    self.trace.stands_for(value, inner, NAME, self.stack)


def followed(inside: Inside, function: Callable[..., Any], entered: Callable[[Any], None], safely: Any) -> Any:
    """The mapped function, followed.

    Args:
        entered: told of the interpreter in which it runs.
        safely: calls what is ours so that no error of it gets out.
    """

    def mapped(*given: Any) -> Any:
        safely(lambda: entered(inside.enter(given)))
        made = function(*given)
        safely(lambda: inside.leave(made))
        return made

    return mapped
