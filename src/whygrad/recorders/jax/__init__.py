"""The recorder of JAX: listens to gradient requests, and makes a Graph of each while JAX runs or traces it."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

from whygrad.graph import Fault, Graph
from whygrad.recorders import frames
from whygrad.recorders.jax import apart, compat
from whygrad.recorders.jax.asked import Request, Told, gradients
from whygrad.recorders.jax.closing import close, of_integers
from whygrad.recorders.jax.compiled import Call, Compiled, Held
from whygrad.recorders.jax.faults import last_error
from whygrad.recorders.jax.health import Health
from whygrad.recorders.jax.hooks import Hooks
from whygrad.recorders.jax.keras import Keras
from whygrad.recorders.jax.labels import unlabelled
from whygrad.recorders.jax.leaks import Leaks
from whygrad.recorders.jax.measured import USELESS, Streaks, explained, is_useless, with_a_way
from whygrad.recorders.jax.movement import Movement, Step
from whygrad.recorders.jax.nnx import Variables
from whygrad.recorders.jax.replay import worth
from whygrad.recorders.jax.requests import Requests
from whygrad.recorders.jax.statistics import Statistics
from whygrad.recorders.jax.tape import Program
from whygrad.recorders.jax.trees import Misfit, at_end, took_integers
from whygrad.recorders.lives import packages
from whygrad.recorders.recorder import Asked, Sink
from whygrad.watching.watch import Watch

# How often one place is recorded while the session rests: a place that is new then was never judged.
_ONCE = 1


class Jax:
    """Listens to JAX and to what is built on it."""

    framework = "jax"

    def __init__(self) -> None:
        self.sink: Sink | None = None
        self.resting = self.unmeasured = False
        movement = self.movement = Movement(self._fault)
        self.keras = Keras(self._keras_told, movement.makers.rated, movement.updates.stateless, self._fault)
        self.hooks = Hooks(self.keras, self._fault)
        self.variables = Variables(self._fault)
        self.leaks = Leaks(self._fault)
        self.requests = Requests(self.hooks, self._wanted, self._heard, self._fault, self.variables, self.leaks)
        self.requests.passed = self._passed
        self.told: Told | None = None
        self.statistics = Statistics(self._fault)
        self.compiled = Compiled(self._ran, self._fault, self.statistics.ran)
        self.health: Health | None = None
        self._recorded: Counter[Hashable] = Counter()
        self._streaks: defaultdict[Hashable, Streaks] = defaultdict(Streaks)

    def start(self, sink: Sink) -> None:
        """Record from now on."""
        self.sink = sink
        try:
            compat.hide_own_frames()
            self._follow_operations(sink)
            self.requests.install()
            self.keras.start()
            self.leaks.start()
            self._follow_compiled()
        except Exception as error:
            self._fault(error)

    def rest(self) -> None:
        """Record no more but requests at places that are new."""
        self.resting = True
        self.movement.unfollowed |= bool(self.compiled.pending)
        self.compiled.rest(self._undecided)

    def wake(self) -> None:
        """Record again."""
        self.resting = False
        self._follow_compiled()

    def _follow_operations(self, sink: Sink) -> None:
        """Listen to JAX's interpreters; without them functions are traced by the public way."""
        try:
            self.hooks.private = compat.private()
        except compat.MissingName as error:
            self.requests.apart = apart.graphs(self.requests, self._closed)
            sink.fault("the operations of jax", error)

    def _follow_compiled(self) -> None:
        """Listen to compiled functions too; without them gradients are recorded, and not measured."""
        try:
            self.compiled.start(compat.compiling())
        except compat.MissingName as error:
            if self.sink is not None and not self.unmeasured:
                self.sink.fault("compiled functions of jax", error)
            self.unmeasured = True

    def watch(self, watch: Watch) -> None:
        """Measure gradients and updates from now on; comes before ``start``, whose hooks go on top and off first."""
        self.health = Health(watch)
        self.health.install()

    def finish(self, error: str | None) -> None:
        """Tell of the updates that were dropped, or what the error is about; requests were told when they were made."""
        try:
            if error is not None:
                self._tell_of_end(error)
            for graph in (*self.movement.at_end(), *self._dropped()) if error is None else ():
                if self.sink is not None:
                    self.sink.told(graph)
        except Exception as fault:
            self._fault(fault)

    def _dropped(self) -> Iterator[Graph]:
        return self.statistics.dropped() if self.movement.moves() else iter(())

    def _elsewhere(self, error: BaseException) -> Fault | None:
        """What an error is about that has to do with what a function or a call left behind."""
        return self.leaks.fault(error) or self.compiled.donations.fault(error)

    def _sorted(self, error: BaseException) -> Misfit | None:
        return unlabelled(error, self.movement.makers.sorted_at())

    def _tell_of_end(self, error: str) -> None:
        asked, raised = self.told.graph if self.told is not None else None, last_error(error)
        if self.sink is None:
            return
        trains = bool(self.told or self.movement.makers.made)  # else it is not about gradients
        graph = at_end(error, raised, asked, self._elsewhere, self._sorted) if trains and raised is not None else None
        if self.told is not None and self.told.integers is not None and raised is not None and took_integers(raised):
            graph = replace(self.told.integers, error=error)
        if graph is None and trains and raised is not None and self.told is None:
            graph = self.keras.refused(error, raised)
        if graph is not None:
            self.sink.told(graph)

    def stop(self) -> None:
        """Take every hook off."""
        self.requests.remove()
        self.compiled.stop()
        self.hooks.close()
        self.keras.stop()
        self.variables.stop()
        self.statistics.stop()
        self.leaks.stop()
        self.movement.stop()
        if self.health is not None:
            self.health.stop()

    def versions(self) -> dict[str, str]:
        """Of JAX and the libraries on it."""
        return compat.versions() | {name: str(sys.modules[name].__version__) for name in packages("jax")}

    def keras_imported(self, _module: ModuleType) -> None:
        """Keras has been imported: listen to it as well, if it computes with JAX."""
        if self.sink is not None:
            self.keras.start()

    def nnx_imported(self, module: ModuleType) -> None:
        """Flax NNX has been imported: remember where its variables are made."""
        if self.sink is not None:
            self.variables.start(module)

    def linen_imported(self, module: ModuleType) -> None:
        """Flax linen has been imported: listen to what becomes of running statistics."""
        if self.sink is not None:
            self.statistics.start(module)

    def updates_imported(self, module: ModuleType) -> None:
        """A library has been imported that applies updates to parameters."""
        if self.health is not None:
            self.health.eager.imported(module)
        if self.sink is not None:
            self.movement.start(module)

    def _keras_told(self, graph: Graph) -> None:
        if self.sink is not None:
            self.sink.told(graph)

    def _fault(self, error: BaseException) -> None:
        """An error of ours: everything off, said once, the script goes on."""
        sink, self.sink = self.sink, None
        self.stop()
        if sink is not None:
            sink.fault(self.framework, error)

    def _closed(self, request: Request) -> Graph | None:
        return close(request, self.keras, self._elsewhere)

    def _wanted(self, api: str, stack: frames.Stack) -> bool:
        if self.sink is None or not self.resting:
            return self.sink is not None
        site = _site(api, stack)
        return self._recorded[site] < _ONCE or (site in self._streaks and self._streaks[site].due(True))

    def _passed(self, api: str, stack: frames.Stack, arrays: Callable[[], Sequence[Any]]) -> None:
        """A request that is not recorded: it may be the first that is asked of something new."""
        if self.sink is not None and self.movement.may_stand_still():
            self.movement.again.glimpsed(_site(api, stack), arrays())

    def _heard(self, request: Request) -> None:
        if self.sink is None:
            return
        graph = apart.of(request) or self._closed(request)
        if graph is None:
            return
        site, integers = _site(request.api, request.stack), of_integers(request)
        told = Told(request.api, site, bool(request.around), graph, integers)
        self._recorded[told.site] += 1
        self.told = told
        judged, traced = self._judged(request, told)
        self._tell(told, judged, traced)

    def _judged(self, request: Request, told: Told) -> tuple[Graph, bool]:
        """The Graph with what the gradients are worth, and whether that is to be seen when the program runs."""
        trace, graph = request.trace, told.graph
        program = trace.program() if trace is not None and request.error is None and not request.around else None
        found = gradients(request) if program is not None else None
        if program is None or found is None:
            variables = self.movement.follow(told.site, request, graph)
            if variables:
                self.movement.unfollowed |= not self.compiled.awake
                self.compiled.pending.append(Held.of(told, Program((), {}, variables, None, tuple(variables))))
            return graph, False
        ways = tuple(with_a_way(graph, program, found))
        if program.variables or ways:  # of arrays alone that are compiled in, gradients are variables all the same
            self.movement.unfollowed |= not self.compiled.awake
            self.compiled.pending.append(Held.of(told, program, ways))
            return graph, True
        self.movement.again.note(told.site, request, graph)
        worths = dict(zip(program.sources, map(worth, found), strict=True))
        streaks = self._streaks[told.site]
        graph = self._noted(told, streaks.judged(graph, worths))
        again = is_useless(graph) and all(worth(program.arrays[v]) != "nonfinite" for v in program.sources)
        return explained(graph, streaks.run_again(program, {}) if again else None), False

    def _ran(self, held: Held, call: Call) -> None:
        """A compiled function has run that holds a request."""
        told: Told = held.request
        streaks = self._streaks[told.site]
        if held.calls == 1 and self.sink is not None:
            self.movement.steps.append(Step(told.site, told.graph, held.moves, held.turns))
            for lost in self.movement.lost(call.closed):
                self.sink.told(lost)
        spoiled = not self.resting and call.spoiled()
        began = not self.resting and held.is_suspect() and held.calls * held.turns > 1
        due = spoiled or (began if held.calls < 3 else streaks.due(self.resting))
        if not due and (self.resting or held.calls == 1):
            return  # the first was told when it was traced
        graph, traced = told.graph, True
        if due:
            arrays = call.arrays(held)
            measured = streaks.run_again(held.program, arrays) if arrays is not None else None
            if measured is not None:
                worths = {v: measured.seen.get(v, "unknown") for v in held.program.sources}
                graph = self._noted(told, streaks.judged(graph, worths, held.turns))
                graph, traced = explained(graph, measured), False
        self._tell(told, graph, traced)
        if self.resting and not self._undecided(held):
            self.compiled.rest(self._undecided)

    def _noted(self, told: Told, graph: Graph) -> Graph:
        self.movement.useless.update((told.site, p.path) for p in graph.parameters if p.gradient in USELESS)
        return graph

    def _undecided(self, held: Held) -> bool:
        streaks = self._streaks[held.request.site]
        return streaks.has_zeros() or self.movement.may_stand_still() or self.statistics.is_open()

    def _tell(self, told: Told, graph: Graph, traced: bool) -> None:
        if self.sink is None:
            return
        asked = [p for p in graph.parameters if p.asked]
        self.sink.asked(
            Asked(
                self.framework,
                told.api,
                told.site,
                tuple(p.path for p in asked),
                tuple(p.gradient for p in asked),
                graph.error,
                told.nested,
                lambda: graph,
                traced=traced,
            )
        )


def _site(api: str, stack: frames.Stack) -> Hashable:
    return (api, *((id(place[0]), place[1]) for place in stack))
