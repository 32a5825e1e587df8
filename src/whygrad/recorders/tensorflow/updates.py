"""What is asked for, what optimizers are handed, and whether it moves anything. ``unapplied`` judges it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from whygrad.graph import GradientSeen
from whygrad.recorders import frames
from whygrad.recorders.tensorflow.emptied import holds_zeros
from whygrad.recorders.tensorflow.pairing import Pairing
from whygrad.recorders.tensorflow.parameters import Source, number_of
from whygrad.recorders.tensorflow.tapes import building, in_branch
from whygrad.recorders.tensorflow.unwritten import unwritten
from whygrad.recorders.tensorflow.values import worth

# Fewer steps may be a short trial.
FEWEST_STEPS = 3
_SAMPLE = 64
_WAITING = ("gradient_accumulation_steps", "inner_optimizer")


@dataclass(slots=True)
class Asked:
    """A variable that a request asked for.

    Attributes:
        site: the place of the request.
        times: how often a gradient came back for it; a traced request is enough by itself.
        at_first: a mark of its value when it was first asked for.
        kept: at how many later requests it held that value; -1 once it did not. ``shifted``: after how many steps
            of an optimizer it held another. ``writer``: the script's line that wrote to it in between.
        copied: where new values for it are computed that nothing reads.
        departed: where its gradient left for NumPy.
        unwritten: whether traced updates were handed it and can not write it; ``written``: whether one can.
        compiled: whether the request stands in a traced function; ``branched``: in a branch of one.
    """

    source: Source
    site: Any
    stack: frames.Stack
    variable: weakref.ref[Any]
    at_first: Any
    times: int = 0
    kept: int = 0
    shifted: int = 0
    writer: frames.Stack = ()
    copied: frames.Stack = ()
    departed: frames.Stack = ()
    unwritten: bool = False
    written: bool = False
    compiled: bool = False
    branched: bool = False


@dataclass(slots=True)
class Held:
    """An optimizer: what it was handed, and how.

    Attributes:
        zeros: how often everything that it was handed was zero although gradients had been asked for.
        useful: whether it was ever handed something else; ``rate``: whether its learning rate was ever not 0.
        still: the steps at which it used a learning rate of 0.
        swapped: the variables that it was handed with the gradient of another, and those others.
        refused: the variables that it was handed last and would not take, where that was, and whether it takes any.
        compiled: its learning rate in a traced step; ``place``: the script's line that computes it.
        made: where the script made it, if that was heard.
        waits: whether it may be right to leave out steps: for more gradients, or for another one that it holds.
        branched: whether it was handed them in branches of traced functions only.
    """

    stack: frames.Stack
    optimizer: weakref.ref[Any]
    compiled: Callable[[], GradientSeen] | None = None
    place: frames.Stack = ()
    made: frames.Stack = ()
    waits: bool = False
    numbers: set[int] = field(default_factory=set)
    swapped: set[int] = field(default_factory=set)
    steps: int = 0
    zeros: int = 0
    useful: bool = False
    rate: bool = False
    still: set[int] = field(default_factory=set)
    refused: tuple[Sequence[int], frames.Stack, bool] = ((), (), True)
    branched: bool = True


class Updates:
    """Hears requests and optimizers while something is recorded.

    Attributes:
        requested: what was asked for, by the variable's handle; ``optimizers``: all that stepped.
        pairing: which gradient belongs to which of them.
        waiting: ids of the optimizers that were made, and were not given to `compile` as far as is known.
    """

    def __init__(self) -> None:
        self.requested: dict[int, Asked] = {}
        self._held: weakref.WeakKeyDictionary[Any, Held] = weakref.WeakKeyDictionary()
        self.optimizers: list[Held] = []
        self.waiting: set[int] = set()
        self._given: set[int] = set()
        self.pairing = Pairing()
        self._made: weakref.WeakKeyDictionary[Any, frames.Stack] = weakref.WeakKeyDictionary()

    def made(self, optimizer: Any, stack: frames.Stack) -> None:
        """An optimizer was made."""
        self.waiting.add(id(optimizer))
        self._made[optimizer] = stack

    def asked(
        self,
        site: Any,
        stack: frames.Stack,
        sources: Sequence[Source],
        given: Sequence[Any],
        often: int,
        writer: Callable[[int], frames.Stack],
    ) -> None:
        """A request gave gradients.

        Args:
            given: the sources themselves.
            often: how many steps it stands for.
            writer: where the script last wrote to a variable.
        """
        for source, variable in zip(sources, given, strict=True):
            if source.number is None or not source.is_variable or not source.trainable or source.seen != "present":
                continue
            known = self.requested.get(source.number)
            if known is None:
                now = mark(variable)
                if now is None:
                    continue
                known = self.requested[source.number] = Asked(
                    source, site, stack, weakref.ref(variable), now, branched=in_branch()
                )
            elif known.kept >= 0 and known.site == site:
                now = mark(variable)
                known.kept = known.kept + 1 if now == known.at_first else -1
                if known.kept < 0 and constraint_of(variable) is not None:
                    known.at_first, known.kept = now, 0  # it may hold still from now on
                known.writer = writer(source.number) if known.kept > 0 and known.shifted else known.writer
            known.times += often
            known.compiled = known.compiled or often > 1
            self._given.add(source.number)

    def seen(self, layers: Iterable[Any]) -> None:
        """These layers and models live: their optimizers wait for `fit`, not for the script."""
        if self.waiting and not self.optimizers:
            self.waiting.difference_update([id(vars(layer).get("optimizer")) for layer in layers])

    def applied(self, optimizer: Any, gradients: Sequence[Any], variables: Sequence[Any], stack: frames.Stack) -> None:
        """An optimizer was handed these."""
        held = self._of(optimizer, stack)
        numbers = {n for v in variables if (n := number_of(v)) is not None}
        held.numbers |= numbers
        held.branched = held.branched and in_branch()
        held.swapped |= self.pairing.handed(gradients, variables)
        graph = building()
        often = 1 if graph is None else FEWEST_STEPS
        held.steps += often
        if numbers & self._given:
            given = [g for g in gradients if g is not None]
            useful = not given or any(_worth(g, graph) != "zero" for g in given)  # the first of them mostly tells
            held.zeros += often * (not useful)
            held.useful = held.useful or useful
        self._given -= numbers

    def inside(self) -> set[int]:
        """The ids of the optimizers that others hold, which decide by themselves when to call them."""
        held = (getattr(one.optimizer(), "inner_optimizer", None) for one in self.optimizers)
        return {id(one) for one in held if one is not None}

    def refused(self, optimizer: Any, variables: Sequence[Any], stack: frames.Stack) -> None:
        """An optimizer raised; some of these it may not have been built for."""
        held, known = self._held.get(optimizer), _built_for(optimizer)
        if held is not None and known is not None:
            strange = [v for v in variables if optimizer._var_key(v) not in known]
            held.refused = ([n for v in strange if (n := number_of(v)) is not None], stack, bool(known))

    def stepped(self, variables: Sequence[Any]) -> None:
        """An optimizer is done with these; one that still has its first value may be put back each time."""
        for number in {n for v in variables if (n := number_of(v)) is not None}:
            known = self.requested.get(number)
            if known is not None and known.kept > 0 and moved(known):
                known.shifted += 1

    def traced(self, graph: Any, begin: int, variables: Sequence[Any]) -> None:
        """An optimizer is done with these in a function that is traced; ``begin``: where its operations begin."""
        numbers = [n for v in variables if (n := number_of(v)) in self.requested]
        found = dict(unwritten(graph, begin, numbers))
        for number in numbers:
            known, lost = self.requested[number], found.get(number)
            known.written = known.written or lost is None
            known.unwritten = found.keys() >= {number} and not known.written
            known.copied = known.copied or lost or ()

    def rated(self, optimizer: Any, rate: Any) -> None:
        """An optimizer uses this learning rate."""
        held = self._held.get(optimizer)
        if held is not None and worth(rate) == "zero":
            held.still.add(held.steps)
        elif held is not None:
            held.rate = True

    def compiled(self, optimizer: Any, rate: Callable[[], GradientSeen], place: frames.Stack) -> None:
        """The learning rate of an optimizer in a step that is traced.

        Args:
            rate: tells what it is worth now.
            place: the script's line that computes it.
        """
        held = self._held.get(optimizer)
        now = rate() if held is not None else "unknown"
        if held is not None and now == "zero":
            held.compiled, held.place = rate, place
        elif held is not None:
            held.rate = held.rate or now != "unknown"  # where its variables are not made yet it can not be told

    def _of(self, optimizer: Any, stack: frames.Stack) -> Held:
        held = self._held.get(optimizer)
        if held is None:
            made, waits = self._made.get(optimizer, ()), any(getattr(optimizer, name, None) for name in _WAITING)
            held = self._held[optimizer] = Held(stack, weakref.ref(optimizer), made=made, waits=waits)
            self.optimizers.append(held)
        return held


def _worth(gradient: Any, graph: Any) -> GradientSeen:
    """What a gradient is worth that an optimizer is handed; it may be a variable in which gradients are summed up."""
    if graph is not None:
        return "zero" if holds_zeros(gradient, graph) else "present"
    value = getattr(gradient, "value", gradient)
    return worth(value() if callable(value) else value)


def _built_for(optimizer: Any) -> Mapping[Any, int] | None:
    """The variables that an optimizer was built for, by its own keys; ``None`` where that can not be told."""
    for name in ("_trainable_variables_indices", "_index_dict"):  # Keras 3, tf_keras
        known = getattr(optimizer, name, None)
        if isinstance(known, Mapping):
            return known
    return None


def constraint_of(variable: Any) -> Any:
    """What an optimizer makes of a variable's new value, if there is such a thing."""
    return getattr(variable, "constraint", None)


def moved(asked: Asked) -> bool:
    """Whether a variable holds something else than when it was first asked for, or is gone."""
    variable = asked.variable()
    return variable is None or mark(variable) != asked.at_first


def mark(variable: Any) -> Any:
    """A sample of a variable's values with their sum; ``None`` where it has none yet."""
    import numpy

    values = read(variable)
    if values is None:
        return None
    flat = numpy.asarray(values._numpy_internal()).reshape(-1)
    if not flat.size:
        return None  # it is made while a function is traced, and gets its first value later
    return (flat[:: max(1, flat.size // _SAMPLE)].tobytes(), float(flat.sum(dtype=numpy.float64)))


def read(variable: Any) -> Any:
    """The tensor that a variable holds now, or a tensor itself; ``None`` where there is none."""
    from tensorflow.python.eager import context, record
    from tensorflow.python.framework import errors, ops

    outside = nullcontext() if context.executing_eagerly() else ops.init_scope()
    try:
        with outside, record.stop_recording():
            tensor = ops.convert_to_tensor(getattr(variable, "_value", variable))
    except (AttributeError, NotImplementedError, TypeError, ValueError, RuntimeError, errors.OpError):
        return None
    return tensor if hasattr(tensor, "_numpy_internal") else None


def pairs_of(arguments: Sequence[Any], keywords: Mapping[str, Any]) -> tuple[Sequence[Any], Sequence[Any]] | None:
    """The gradients and variables of a call of ``apply`` or ``apply_gradients``; ``None`` if they can not be told."""
    first = arguments[0] if arguments else keywords.get("grads_and_vars", keywords.get("grads"))
    second = arguments[1] if len(arguments) > 1 else keywords.get("trainable_variables")
    if not isinstance(first, (list, tuple)):
        return None
    if isinstance(second, (list, tuple)):
        return first, second
    if first and all(isinstance(pair, tuple) and len(pair) == 2 for pair in first):
        return [g for g, _ in first], [v for _, v in first]
    return None
