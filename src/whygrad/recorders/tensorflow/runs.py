"""What a compiled request gives when it runs.

Inside a traced function gradients have no values. So before some of the first runs of a function in which a request was
traced, its way to the gradients is run once more beside it, with the same arguments: a copy that holds only operations
without side effects. Where that is not possible (an unknown batch, a variable written on the way) nothing is measured.
What came back in between is fetched only where a gradient is zero or not finite; inside of bodies by running them
operation by operation.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

from whygrad.graph import GradientSeen, Graph
from whygrad.recorders.fitting import Fitting
from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow.beside import Refused, run_beside
from whygrad.recorders.tensorflow.feeding import arguments_of, batch_of, listen
from whygrad.recorders.tensorflow.holes import is_awaited, is_due
from whygrad.recorders.tensorflow.log import Log
from whygrad.recorders.tensorflow.measured import Beside, Compiled, Placed, Unroll, with_values
from whygrad.recorders.tensorflow.origins import BROKEN, content
from whygrad.recorders.tensorflow.unrolled import run_unrolled
from whygrad.recorders.tensorflow.values import ZERO_STEPS, Between, worth

# Which runs are measured: the first, since one NaN is enough, and some later ones, since a zero may be mended.
MEASURED = frozenset((1, 2, 3, 4, 6, 9))
# After so many runs a compiled function is taken for a training step that comes round.
STEPS_OF_A_LOOP = 3
MOST_REQUESTS = 20


class Runs:
    """Measures compiled requests.

    Args:
        told: takes a Graph that shows a fault.
        fitting: what the ``fit`` that runs now was given.
        came_round: told the name of a function that holds requests, after each run that makes it a loop.

    They are measured until each has run often enough, whether anything else is recorded or not.

    Attributes:
        most: how often the function among those with requests ran that ran most, while that was counted.
    """

    def __init__(
        self,
        log: Log,
        told: Callable[[Graph], None],
        fitting: Callable[[], Fitting | None],
        came_round: Callable[[str], None],
        fault: Callable[[BaseException], None],
    ) -> None:
        self.log, self.told, self.fitting, self.came_round, self.fault = log, told, fitting, came_round, fault
        self.patches = Patches()
        self._of: weakref.WeakKeyDictionary[Any, list[Compiled]] = weakref.WeakKeyDictionary()
        self._rounds: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._held: weakref.WeakKeyDictionary[Any, weakref.WeakSet[Any]] = weakref.WeakKeyDictionary()
        self._all: list[Compiled] = []
        self._on = self._resting = False
        self.most = 0

    def install(self) -> None:
        """Listen to compiled functions that are called."""
        self._resting = False
        if self._on:
            return
        from tensorflow.python.eager.polymorphic_function.concrete_function import ConcreteFunction

        original, runs = ConcreteFunction._call_flat, self

        @wraps(original)
        def _call_flat(self: Any, tensor_inputs: Any, captured_inputs: Any) -> Any:
            if not runs._of or runs.log.local.busy:
                return original(self, tensor_inputs, captured_inputs)
            loop = runs._before(self, tensor_inputs, captured_inputs)
            result = original(self, tensor_inputs, captured_inputs)
            if loop:
                runs._after(self)
            return result

        self.patches = Patches()
        self.patches.replace(ConcreteFunction, "_call_flat", _call_flat)
        listen(self.patches, self.fitting, self.fault)
        self._on = True

    def rest(self) -> None:
        """Nothing else is recorded any more: listen only until what has begun to run has been measured."""
        self._resting = True
        if self._on and all(compiled.done or not compiled.runs for compiled in self._all):
            self.remove()

    def remove(self) -> None:
        """Do not listen any more."""
        self._on = False
        self.patches.undo()

    def asked(self, graph: Any) -> None:
        """A request was made in a graph, measured or not."""
        self._of.setdefault(graph, [])
        self._held.clear()

    def add(self, graph: Any, answers: Sequence[Any], between: Between, closed: Graph, placed: Placed) -> None:
        """A request was traced in a graph."""
        if len(self._all) >= MOST_REQUESTS:
            return
        compiled = Compiled.of(graph, answers, between, closed, placed)
        self._all.append(compiled)
        self._of.setdefault(graph, []).append(compiled)

    def finish(self) -> None:
        """The script has ended: tell of the gradients that were zero whenever they were measured."""
        for compiled in self._all:
            if compiled.found is not None:
                self.told(compiled.found)
        self._all.clear()

    def _before(self, function: Any, inputs: Sequence[Any], captured: Sequence[Any]) -> bool:
        """Measure what is due before a function runs; whether that makes it a loop."""
        local = self.log.local
        local.busy = True
        try:
            from tensorflow.python.eager import context

            held = self._held_by(function.graph) if context.executing_eagerly() else ()
            news = not self._resting
            fitting = self.fitting()
            for graph in list(held):
                given = [*inputs, *captured] if graph is function.graph else fitting
                if given is not None:
                    news = sum(self._count(compiled, graph, given) for compiled in self._of[graph]) > 0 or news
            if not held or not news:
                return False
            rounds = self._rounds[function.graph] = self._rounds.get(function.graph, 0) + 1
            self.most = max(self.most, rounds)
            return rounds >= STEPS_OF_A_LOOP
        except Exception as error:
            self.fault(error)
            return False
        finally:
            local.busy = False

    def _after(self, function: Any) -> None:
        """A training step has run."""
        local = self.log.local
        local.busy = True
        try:
            self.came_round(function.name)
            if self._resting:
                self.rest()
        except Exception as error:
            self.fault(error)
        finally:
            local.busy = False

    def _held_by(self, function: Any) -> Iterable[Any]:
        """The graphs with requests that run when that of a function does: its own, and those of functions it calls."""
        held = self._held.get(function)
        if held is None:
            called = {id(getattr(one, "graph", None)) for one in function._functions.values()} | {id(function)}
            # What was traced to make variables only is never called.
            found = [graph for graph in self._of if id(graph) in called]
            found = found or [graph for graph in self._of if _is_inside(graph, function)]
            held = self._held[function] = weakref.WeakSet(found)
        return held

    def _count(self, compiled: Compiled, graph: Any, given: list[Any] | Fitting) -> bool:
        """The request runs, on these arguments; some of its runs are measured. Whether there was more to learn."""
        if compiled.done:
            return False
        compiled.runs += 1
        if compiled.runs not in MEASURED and not _is_due(graph, given):
            return True
        awaited = isinstance(given, Fitting) and is_awaited(given)
        arguments = arguments_of(graph, given, compiled.runs) if isinstance(given, Fitting) else given
        fed = batch_of(graph, self.fitting(), compiled.runs)
        if arguments is not None and not awaited:
            copies, targets = compiled.copies, compiled.names_of_targets()
            self._measure(
                compiled,
                lambda names, look: run_beside(graph, names, arguments, self.log, fed, copies, look),
                lambda broken: run_unrolled(graph, targets, arguments, self.log, fed, broken),
            )
        if compiled.done or compiled.runs == max(MEASURED):
            compiled.done = True
            compiled.copies.clear()
        return True

    def _measure(self, compiled: Compiled, run: Beside, unroll: Unroll) -> None:
        names = [name for name in compiled.answers if name is not None]
        try:
            worths = run(names, worth)
            compiled.measured += 1
            seen: list[GradientSeen] = ["none" if n is None else worths[n] for n in compiled.answers]
            compiled.zeros = [n + (one == "zero") for n, one in zip(compiled.zeros, seen, strict=True)]
            steady = compiled.measured > ZERO_STEPS
            seen = [
                "unknown" if one == "zero" and not (steady and n == compiled.measured) else one
                for one, n in zip(seen, compiled.zeros, strict=True)
            ]
            self._judge(compiled, seen, run, unroll)
        except Refused:
            compiled.done = True

    def _judge(self, compiled: Compiled, seen: Sequence[GradientSeen], run: Beside, unroll: Unroll) -> None:
        if "nonfinite" in seen:
            compiled.done, compiled.found = True, None
            self.told(with_values(compiled, seen, run, unroll))
        elif "zero" in seen:
            if compiled.found is None or compiled.seen != seen:
                compiled.found = with_values(compiled, seen, run, unroll)
            compiled.seen = list(seen)
        elif compiled.found is not None:
            compiled.done, compiled.found = True, None  # mended by itself


def _is_due(graph: Any, given: list[Any] | Fitting) -> bool:
    """Whether a run is fed something that is not finite."""
    if isinstance(given, Fitting):
        return is_due(given)
    return any(content(one) in BROKEN for one in given[: len(given) - len(graph.captures)])


def _is_inside(graph: Any, outer: Any) -> bool:
    """Whether a function was traced within another."""
    around = getattr(graph, "outer_graph", None)
    while around is not None and around is not outer:
        around = getattr(around, "outer_graph", None)
    return around is not None
