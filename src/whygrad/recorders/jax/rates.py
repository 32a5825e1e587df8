"""Learning rates that Optax's optimizers are made with: whether every one of them is 0."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from types import FunctionType, ModuleType
from typing import Any

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches

_PARAMETER = "learning_rate"
# The counts at which a schedule is asked: it may stay at 0 for a while, and rise.
_COUNTS = (*range(16), *(1 << n for n in range(4, 21)))


class Rates:
    """Remembers where optimizers are made, and with which rate."""

    def __init__(self, fault: Callable[[BaseException], None]) -> None:
        self.fault = fault
        self.patches = Patches()
        self.made: list[tuple[frames.Stack, Any]] = []

    def start(self, module: ModuleType) -> None:
        """Optax has been imported."""
        for name, value in list(vars(module).items()):
            if isinstance(value, FunctionType) and _PARAMETER in inspect.signature(value).parameters:
                self.patches.replace(module, name, self._noting(value))

    def stop(self) -> None:
        """Put back what was found."""
        self.patches.undo()

    def all_zero(self) -> tuple[frames.Stack, str] | None:
        """Where the first optimizer was made and why its rate is 0, if so is that of every other one."""
        reasons = [_reason(rate) if stack else None for stack, rate in self.made]
        return None if not reasons or None in reasons else (self.made[0][0], str(reasons[0]))

    def _noting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        rates = self
        signature = inspect.signature(original)

        @wraps(original)
        def factory(*args: Any, **kwargs: Any) -> Any:
            made = original(*args, **kwargs)
            try:
                rate = signature.bind(*args, **kwargs).arguments.get(_PARAMETER)
                caller = sys._getframe(1)
                # What a library makes for the script, a rate that it changes later, is not known.
                known = frames.is_user_file(caller.f_code.co_filename)
                rates.made.append((frames.capture(caller) if known else (), rate if _is_plain(rate) else None))
            except Exception as error:
                rates.fault(error)
            return made

        return factory


def _is_plain(value: Any) -> bool:
    """Whether it is a number, or a schedule of Optax that is made of such alone.

    An array is not ours to keep, and a function of the script's own is not ours to call.
    """
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    if isinstance(value, FunctionType):
        ours = frames.package_of(value.__code__.co_filename) == "optax"
        return ours and all(_is_plain(cell.cell_contents) for cell in value.__closure__ or ())
    return value is None or isinstance(value, (int, float, str))


def _reason(rate: Any) -> str | None:
    """Why a rate is 0 for ever, ``None`` if it is not, or nobody knows."""
    if rate is None or isinstance(rate, (int, float)):
        return "rate" if rate == 0 else None
    return "schedule of zeros" if all(float(rate(count)) == 0 for count in _COUNTS) else None
