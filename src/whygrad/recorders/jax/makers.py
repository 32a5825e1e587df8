"""What Optax's optimizers are made of, and what about it may keep every update at nothing."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from types import CellType, FunctionType, ModuleType
from typing import Any, NamedTuple

from whygrad.recorders import frames
from whygrad.recorders.jax.returns import place_of_return
from whygrad.recorders.patching import Patches

# What the parameters of Optax's makers say.
_RATE, _PERIOD, _BOUND, _SORTED = "rate", "period", "bound", "sorted"
_KINDS: Mapping[str, str] = {
    "learning_rate": _RATE,
    "step_size": _RATE,
    "step_size_fn": _RATE,
    "every_k_schedule": _PERIOD,
    "k": _PERIOD,
    "max_norm": _BOUND,
    "max_delta": _BOUND,
    "clipping": _BOUND,
    "transforms": _SORTED,
}
# Makers of what lets nothing through, and those that say for which parameters.
_STOPS, _SORTING = ("set_to_zero", "freeze"), ("masked",)
# A class of Optax whose instances are made of an optimizer.
_ACCUMULATING = "MultiSteps"
# The reason that the state of an optimizer is never taken up.
COUNT = "count stands"
# The counts at which a schedule is asked: it may stay at 0 for a while, and rise.
_COUNTS = (*range(16), *(1 << n for n in range(4, 21)))


class Reason(NamedTuple):
    """Why nothing moves: where that was said, the reason as ``causes.applied`` knows it, and a number in it."""

    place: frames.Stack
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A part of an optimizer that the script made.

    Attributes:
        stack: where; ``kind``: what its number is, or ``stop`` where it lets nothing through.
        number: what the script said, ``None`` where that is nothing to keep; ``own``: where its own function ends.
    """

    stack: frames.Stack
    kind: str
    number: Any = None
    own: frames.Stack = ()


class _Foreign(NamedTuple):
    """The learning rate of an optimizer of another library, by the count of its steps."""

    at: Callable[[int], float]


class Makers:
    """Remembers what the script makes optimizers of.

    Attributes:
        foreign: some are of another library than Optax, whose updates are not heard.
    """

    def __init__(self, fault: Callable[[BaseException], None]) -> None:
        self.fault = fault
        self.patches = Patches()
        self.made: list[Made] = []
        self.foreign = False

    def start(self, module: ModuleType) -> None:
        """Optax has been imported."""
        for name, value in list(vars(module).items()):
            if isinstance(value, FunctionType):
                signature = inspect.signature(value)
                kinds = _kinds(name, signature)
                if kinds:
                    self.patches.replace(module, name, self._noting(value, signature, kinds))
        several = getattr(module, _ACCUMULATING, None)
        if isinstance(several, type):
            signature = inspect.signature(several.__init__)  # type: ignore[misc]
            kinds = _kinds(_ACCUMULATING, signature)
            self.patches.replace(several, "__init__", self._noting(several.__init__, signature, kinds))  # type: ignore[misc]

    def stop(self) -> None:
        """Put back what was found."""
        self.patches.undo()

    def rated(self, stack: frames.Stack, rate: Callable[[int], float], own: frames.Stack = ()) -> None:
        """An optimizer of another library was made, whose learning rate may change later.

        Args:
            own: where a schedule of the script's own ends, if that gives the rate.
        """
        self.made.append(Made(stack, _RATE, _Foreign(rate), own))
        self.foreign = True

    def sorted_at(self) -> frames.Stack:
        """Where the script made the last part of an optimizer that says for which parameters others are."""
        return next((one.stack for one in reversed(self.made) if one.kind == _SORTED), ())

    def why_nothing_moves(self, steps: int) -> Reason | None:
        """What about the optimizers keeps every update at nothing, if something does.

        Args:
            steps: how many updates there were.
        """
        looks = (_no_rate, _no_bound, _not_due, _count_stands, _stopped, _own_rate)
        return next((reason for look in looks for reason in look(self, steps)), None)

    def _noting(
        self, original: Callable[..., Any], signature: inspect.Signature, kinds: Mapping[str, str]
    ) -> Callable[..., Any]:
        makers = self

        @wraps(original)
        def factory(*args: Any, **kwargs: Any) -> Any:
            made = original(*args, **kwargs)
            try:
                caller = sys._getframe(1)
                # What a library makes for the script, a rate that it changes later, is not known.
                if frames.is_user_file(caller.f_code.co_filename) and (made is None or hasattr(made, "init")):
                    makers._note(frames.capture(caller), kinds, signature.bind(*args, **kwargs).arguments)
            except Exception as error:
                makers.fault(error)
            return made

        return factory

    def _note(self, stack: frames.Stack, kinds: Mapping[str, str], given: Mapping[str, Any]) -> None:
        self.made += [_made(stack, kind, given.get(parameter)) for parameter, kind in kinds.items()]


def _kinds(name: str, signature: inspect.Signature) -> dict[str, str]:
    """What is to be noted of the calls of a maker, by the names of its parameters."""
    known = {p: _KINDS[p] for p in signature.parameters if p in _KINDS}
    return known | ({"": "stop"} if name in _STOPS else {}) | ({"": _SORTED} if name in _SORTING else {})


def _made(stack: frames.Stack, kind: str, value: Any) -> Made:
    own = isinstance(value, FunctionType) and frames.is_user_file(value.__code__.co_filename)
    return Made(stack, kind, value if _is_plain(value) else None, place_of_return(value) if own else ())


def _is_plain(value: Any) -> bool:
    """Whether it is a number, or a schedule of Optax that is made of such alone.

    An array is not ours to keep, and a function of the script's own is not ours to call.
    """
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    if isinstance(value, FunctionType):
        ours = frames.package_of(value.__code__.co_filename) == "optax"
        return ours and all(_is_plain(content) for cell in value.__closure__ or () for content in _held_by(cell))
    return value is None or isinstance(value, (int, float, str))


def _held_by(cell: CellType) -> tuple[Any, ...]:
    """What a closure's cell holds; nothing where the variable was bound on another branch only."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def _of(makers: Makers, kind: str) -> list[Made]:
    return [one for one in makers.made if one.kind == kind]


def _no_rate(makers: Makers, _steps: int) -> Iterator[Reason]:
    for one in _of(makers, _RATE):
        rate = one.number
        if isinstance(rate, (int, float)):
            yield from [Reason(one.stack, "rate")] if rate == 0 else []
        elif isinstance(rate, _Foreign):
            yield from [Reason(one.stack, "rate")] if all(rate.at(count) == 0 for count in _COUNTS) else []
        elif callable(rate) and all(float(rate(count)) == 0 for count in _COUNTS):
            yield Reason(one.stack, "schedule of zeros")


def _count_stands(makers: Makers, steps: int) -> Iterator[Reason]:
    """A schedule that begins at 0 and would have risen by now, had it been asked at other counts."""
    waits = [one.number for one in _of(makers, _PERIOD) if isinstance(one.number, int)]
    counts = range(1, steps // max(waits, default=1))
    for one in _of(makers, _RATE):
        rate = one.number
        if isinstance(rate, FunctionType) and float(rate(0)) == 0 and any(float(rate(n)) != 0 for n in counts):
            yield Reason(one.stack, COUNT)


def _no_bound(makers: Makers, _steps: int) -> Iterator[Reason]:
    yield from (Reason(one.stack, "bound of zero") for one in _of(makers, _BOUND) if one.number == 0)


def _not_due(makers: Makers, steps: int) -> Iterator[Reason]:
    for one in _of(makers, _PERIOD):
        if isinstance(one.number, int) and one.number > steps:
            yield Reason(one.stack, "not due", f"{one.number} gradients, and {steps} have come")


def _stopped(makers: Makers, _steps: int) -> Iterator[Reason]:
    """What lets nothing through; the last call that says for which parameters, if that may have been given it."""
    last = None
    for one in makers.made:
        if one.kind == "stop" or (one.kind == _SORTED and last is not None):
            last = one
    if last is not None:
        yield Reason(last.stack, "all frozen")


def _own_rate(makers: Makers, _steps: int) -> Iterator[Reason]:
    yield from (Reason(one.own, "own schedule") for one in _of(makers, _RATE) if one.own)
