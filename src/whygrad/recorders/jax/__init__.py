"""The recorder of JAX: listens to gradient requests, and makes a Graph of each while JAX runs or traces it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from types import ModuleType

from whygrad.graph import Graph
from whygrad.recorders import frames
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.closing import close
from whygrad.recorders.jax.compiled import Call, Compiled, Held
from whygrad.recorders.jax.health import Health
from whygrad.recorders.jax.hooks import Hooks
from whygrad.recorders.jax.measured import Streaks, explained, is_useless
from whygrad.recorders.jax.nnx import Variables
from whygrad.recorders.jax.replay import worth
from whygrad.recorders.jax.requests import Request, Requests, gradients
from whygrad.recorders.jax.updates import Updates
from whygrad.recorders.recorder import Asked, Sink
from whygrad.watching.watch import Watch

# How often one place is recorded while the session rests: a place that is new then was never judged.
_ONCE = 1


@dataclass(frozen=True, slots=True)
class Told:
    """A request that the sink was told of: by which call, where, inside another or not, and what it did."""

    api: str
    site: Hashable
    nested: bool
    graph: Graph


class Jax:
    """Listens to JAX and to what is built on it."""

    framework = "jax"

    def __init__(self) -> None:
        self.sink: Sink | None = None
        self.resting = False
        self.hooks = Hooks(self._fault)
        self.variables = Variables(self._fault)
        self.requests = Requests(self.hooks, self._wanted, self._heard, self._fault, self.variables)
        self.updates = Updates(self._fault)
        self.compiled = Compiled(self._ran, self._fault)
        self.health: Health | None = None
        self._recorded: Counter[Hashable] = Counter()
        self._streaks: defaultdict[Hashable, Streaks] = defaultdict(Streaks)

    def start(self, sink: Sink) -> None:
        """Record from now on."""
        self.sink = sink
        try:
            self.hooks.private = compat.private()
            self.requests.install()
            self.compiled.start(compat.compiling())
        except Exception as error:
            self._fault(error)

    def rest(self) -> None:
        """Record no more but requests at places that are new."""
        self.resting = True
        self.compiled.rest(self._undecided)

    def wake(self) -> None:
        """Record again."""
        self.resting = False
        self.compiled.start(compat.compiling())

    def watch(self, watch: Watch) -> None:
        """Measure gradients and updates from now on; comes before ``start``, whose hooks go on top and off first."""
        self.health = Health(watch)
        self.health.install()

    def finish(self, error: str | None) -> None:
        """Tell of the updates that were dropped; every request was told when it was made."""
        if self.sink is not None and error is None:
            for graph in self.updates.unapplied():
                self.sink.told(graph)

    def stop(self) -> None:
        """Take every hook off."""
        self.requests.remove()
        self.compiled.stop()
        self.hooks.close()
        self.variables.stop()
        self.updates.stop()
        if self.health is not None:
            self.health.stop()

    def versions(self) -> dict[str, str]:
        """Of JAX and the libraries on it."""
        return compat.versions()

    def nnx_imported(self, module: ModuleType) -> None:
        """Flax NNX has been imported: remember where its variables are made."""
        if self.sink is not None:
            self.variables.start(module)

    def updates_imported(self, module: ModuleType) -> None:
        """A library has been imported that applies updates to parameters."""
        if self.health is not None:
            self.health.eager.imported(module)
        if self.sink is not None:
            self.updates.start(module)

    def _fault(self, error: BaseException) -> None:
        """An error of ours: everything off, said once, the script goes on."""
        sink, self.sink = self.sink, None
        self.stop()
        if sink is not None:
            sink.fault(self.framework, error)

    def _wanted(self, api: str, stack: frames.Stack) -> bool:
        if self.sink is None or not self.resting:
            return self.sink is not None
        site = _site(api, stack)
        return self._recorded[site] < _ONCE or (site in self._streaks and self._streaks[site].due(True))

    def _heard(self, request: Request) -> None:
        if self.sink is None:
            return
        graph = close(request)
        if graph is None:
            return
        told = Told(request.api, _site(request.api, request.stack), bool(request.around), graph)
        self._recorded[told.site] += 1
        judged, traced = self._judged(request, told)
        self._tell(told, judged, traced)

    def _judged(self, request: Request, told: Told) -> tuple[Graph, bool]:
        """The Graph with what the gradients are worth, and whether that is to be seen when the program runs."""
        trace, graph = request.trace, told.graph
        program = trace.program() if trace is not None and request.error is None and not request.around else None
        found = gradients(request) if program is not None else None
        if program is None or found is None:
            return graph, False
        if program.variables:
            self.compiled.pending.append(Held.of(told, program))
            return graph, True
        worths = dict(zip(program.sources, map(worth, found), strict=True))
        streaks = self._streaks[told.site]
        graph = streaks.judged(graph, worths)
        return explained(graph, streaks.run_again(program, {}) if is_useless(graph) else None), False

    def _ran(self, held: Held, call: Call) -> None:
        """A compiled function has run that holds a request."""
        told: Told = held.request
        streaks = self._streaks[told.site]
        spoiled = not self.resting and call.spoiled()
        due = spoiled or held.calls == 2 or (held.calls > 2 and streaks.due(self.resting))
        if not due and (self.resting or held.calls == 1):
            return  # the first was told when it was traced
        graph, traced = told.graph, True
        if due:
            arrays = call.arrays(held)
            measured = streaks.run_again(held.program, arrays) if arrays is not None else None
            if measured is not None:
                worths = {v: measured.seen.get(v, "unknown") for v in held.program.sources}
                graph, traced = explained(streaks.judged(graph, worths), measured), False
        self._tell(told, graph, traced)
        if self.resting and not streaks.has_zeros():
            self.compiled.rest(self._undecided)

    def _undecided(self, held: Held) -> bool:
        return self._streaks[held.request.site].has_zeros()

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
