"""The recorder of TensorFlow: starts and stops the hooks, and makes a Graph of a gradient request."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

from whygrad.graph import Graph
from whygrad.recorders import frames
from whygrad.recorders.keras import Layers
from whygrad.recorders.lives import Lives
from whygrad.recorders.naming import unique
from whygrad.recorders.ownership import Owners, longer
from whygrad.recorders.recorder import Asked, Sink
from whygrad.recorders.tensorflow.births import Births
from whygrad.recorders.tensorflow.byhand import note_copies, writer_of
from whygrad.recorders.tensorflow.closing import close
from whygrad.recorders.tensorflow.compiling import Compiling
from whygrad.recorders.tensorflow.ending import at_the_end
from whygrad.recorders.tensorflow.health import Health
from whygrad.recorders.tensorflow.hooks import Hooks
from whygrad.recorders.tensorflow.log import Log
from whygrad.recorders.tensorflow.ops import Table
from whygrad.recorders.tensorflow.parameters import Source, describe, held_names, number_of
from whygrad.recorders.tensorflow.python_functions import PythonFunctions, is_own_request
from whygrad.recorders.tensorflow.refused import refused
from whygrad.recorders.tensorflow.requests import Request, Requests, site_of
from whygrad.recorders.tensorflow.runs import Runs
from whygrad.recorders.tensorflow.tapes import building
from whygrad.recorders.tensorflow.unlisted import Unlisted
from whygrad.recorders.tensorflow.updates import FEWEST_STEPS
from whygrad.watching.watch import Watch


class TensorFlow:
    """Listens to TensorFlow and Keras on TensorFlow."""

    framework = "tensorflow"

    def __init__(self) -> None:
        self.sink: Sink | None = None
        self.log = Log()
        self.table = Table()
        self.lives = Lives(self.framework, self._told, self._fault)
        self.lives.broke, self.lives.is_asked = self._broke, self._is_asked
        self.layers = Layers(self.log.local, self.lives)
        self.hooks = Hooks(self.log, self._fault)
        self.python = PythonFunctions(self.log, self.table, self._told, lambda: self.hooks.listening())
        self.runs = Runs(self.log, self._told, lambda: self.lives.fitting, self._came_round, self._fault)
        self.requests = Requests(self._heard, self._inside, self._fault)
        self.compiling = Compiling(self, self._fault)
        self.recording = False
        self.health: Health | None = None
        self.known_sources: dict[Any, list[Source]] = {}
        self.empty: frames.Stack = ()  # the latest request, if it asked for nothing
        self.unlisted, self.births = Unlisted(), Births()
        self.unanswered = False  # whether some source got no gradient
        self.graphs: dict[Hashable, Graph] = {}  # the first of each place

    def start(self, sink: Sink) -> None:
        """Record from now on."""
        self.sink = sink
        try:
            self.requests.install()
            self.compiling.listen(self.requests.patches)
            self.lives.start()
            self.wake()
        except Exception as error:
            self._fault(error)

    def wake(self) -> None:
        """Put the recording hooks on (again)."""
        if not self.recording:
            self.log.clear()
            self.hooks.install()
            self.python.install(self.hooks.patches, self._fault)
            self.runs.install()
            self.layers.wake(self._fault)
            self.recording = True

    def rest(self) -> None:
        """Take the recording hooks off and forget the log; requests are still watched."""
        if self.recording:
            self.recording = False
            note_copies(self.log, self.hooks.passes.updates)
            self.hooks.remove()
            self.hooks.values.clear()
            self.layers.rest()
            self.python.clear()
            self.runs.rest()
            self.log.clear()

    def watch(self, watch: Watch) -> None:
        """Measure gradients and updates from now on; comes before ``start``, whose hooks go on top and off first."""
        self.health = Health(self, watch)
        self.health.install()

    def names(self) -> dict[int, str]:
        """Number of a variable to its name in findings."""
        found = (one for known in self.known_sources.values() for one in known)
        return {one.number: one.path for one in found if one.number is not None}

    def finish(self, error: str | None) -> None:
        """Tell what compiled requests gave; every other one was told when it was made."""
        try:
            self.runs.finish()
            self.log.local.busy = True  # nothing of the script runs after this
            for graph in at_the_end(self, error):
                self._told(graph)
        except Exception as fault:
            self._fault(fault)

    def stop(self) -> None:
        """Take every hook off."""
        self.rest()
        self.runs.remove()
        self.requests.remove()
        self.lives.stop()
        if self.health is not None:
            self.health.stop()

    def versions(self) -> dict[str, str]:
        """Of TensorFlow and of the Keras packages that are in use."""
        modules = {name: sys.modules.get(name) for name in ("tensorflow", "keras", "tf_keras")}
        return {n: str(getattr(m, "__version__", "unknown")) for n, m in modules.items() if m is not None}

    def keras_imported(self, _module: Any) -> None:
        """Keras has been imported: listen to its layers as well."""
        if self.health is not None:
            self.health.keras_imported()
        self.lives.start()
        if self.recording:
            self.layers.wake(self._fault)
            self.hooks.passes.wake()

    def _fault(self, error: BaseException) -> None:
        """An error of ours: everything off, said once, the script goes on."""
        sink, self.sink = self.sink, None
        for undo in (self.hooks.remove, self.runs.remove, self.requests.remove, self.layers.rest, self.lives.stop):
            try:
                undo()
            except Exception:
                continue
        self.recording = False
        if sink is not None:
            sink.fault(self.framework, error)

    def _told(self, graph: Graph) -> None:
        if self.sink is not None:
            self.sink.told(graph)

    def _came_round(self, function: str) -> None:
        if self.sink is not None:
            self.sink.came_round(function)

    def _inside(self, tape: Any, answers: Sequence[Any]) -> None:
        if self.recording:
            self.python.answered(tape, answers)

    def _is_asked(self, variable: Any) -> bool:
        try:
            number = number_of(variable)
        except ValueError:
            return True  # one of several replicas: which of them was asked for can not be told from outside
        return any(one.number == number for known in self.known_sources.values() for one in known)

    def _broke(self, model: Any, error: Exception, frame: FrameType) -> None:
        """A call of ``fit`` raised."""
        busy, self.log.local.busy = self.log.local.busy, True
        try:
            graph = refused(self, model, error, frame) if self.recording else None
            if graph is not None:
                self._told(graph)
        finally:
            self.log.local.busy = busy

    def _heard(self, request: Request) -> None:
        if self.sink is None:
            return
        if is_own_request(request.frame):
            self._inside(request.tape, request.answers)
            return
        if request.target is None and self.unanswered:
            return  # what is missing here is the gradient that another request did not give
        self.unanswered = self.unanswered or (request.error is None and "none" in request.seen)
        busy, self.log.local.busy = self.log.local.busy, True
        try:
            traced_in = building()
            if traced_in is not None:
                self.compiling.asked()
                self.runs.asked(traced_in)
            site = site_of(request.stack)
            tape = self.hooks.tapes.facts(request.tape)
            if tape is not None and not tape.asked:
                tape.asked = request.stack
            self.empty = () if request.sources else request.stack
            sources = self._sources(request, site)
            if not request.zero_filled:
                request, sources = self._measured(request, sources)
            if self.recording and request.error is None and request.api == "tf.GradientTape.gradient":
                often = FEWEST_STEPS if request.operations else 1
                writer = partial(writer_of, self.log)
                updates = self.hooks.passes.updates
                updates.seen(list(self.lives.made))
                updates.asked(site, request.stack, sources, request.sources, often, writer)
                updates.pairing.answered(site, request.sources, request.answers)
                serial = -1 if tape is None else tape.serial
                self.unlisted.asked(site, serial, len(sources), lambda: self._closed(request, sources)[0])
            build: Callable[[], Graph] | None = None
            if self.recording:
                build = self._remembered(site, self._builder(request, sources))
                self.log.requests.append(request.tensors())
            self.sink.asked(self._asked(request, site, sources, build))
        finally:
            self.hooks.values.told(bool(self.log.local.tapes))
            self.log.local.busy = busy
            self.log.local.pending.clear()  # the request touched its sources, and no operation reads them now

    def _sources(self, request: Request, site: tuple[Any, ...]) -> list[Source]:
        """The request's sources by name; found once per place and set of variables, since it is asked each step."""
        numbers = [number_of(one) for one in request.sources]
        key = (
            site,
            tuple([n if hasattr(one, "handle") else None for n, one in zip(numbers, request.sources, strict=True)]),
        )
        known = self.known_sources.get(key)
        if known is None:
            names, _ = held_names(request.frame)
            known = [
                describe(one, names, position, seen)
                for position, (one, seen) in enumerate(zip(request.sources, request.seen, strict=False))
            ]
            paths = [one.path for one in known]
            if len(set(paths)) < len(paths):
                owners = Owners(request.frame, self.lives, number_of)
                paths = [
                    longer(path, paths, owners.of(one.number or -1)) for path, one in zip(paths, known, strict=True)
                ]
            known = [replace(one, path=path) for one, path in zip(known, unique(paths), strict=True)]
            self.known_sources[key] = known
        return [
            one if one.seen == seen and one.number == number else replace(one, seen=seen, number=number)
            for one, seen, number in zip(known, request.seen, numbers, strict=True)
        ]

    def _remembered(self, site: Hashable, build: Callable[[], Graph]) -> Callable[[], Graph]:
        """What makes the Graph, and keeps it if it is the first of its place."""

        def made() -> Graph:
            graph = build()
            self.graphs.setdefault(site, graph)
            return graph

        return made

    def _builder(self, request: Request, sources: list[Source]) -> Callable[[], Graph]:
        """What makes the Graph; that of a traced request is made at once, since it is measured when it runs."""
        graph = building()
        if (
            graph is None
            or request.error is not None
            or request.zero_filled
            or request.api != "tf.GradientTape.gradient"
        ):
            return lambda: self._closed(request, sources)[0]
        closed, placed = self._closed(request, sources)
        self.runs.add(graph, request.answers, self.hooks.values.latest, closed, placed)
        return lambda: closed

    def _closed(self, request: Request, sources: list[Source]) -> tuple[Graph, Any]:
        """The Graph of a request, and what it is closed with; the names are looked for where one is made only."""
        return close(self, request, sources, held_names(request.frame)[1])

    def _measured(self, request: Request, sources: list[Source]) -> tuple[Request, list[Source]]:
        """The request with what its answers are worth."""
        values = self.hooks.values
        seen = (values.judged if self.recording else values.still)(sources, request.answers)
        changed = ((source, one, source.seen == one) for source, one in zip(sources, seen, strict=True))
        sources = [source if same else replace(source, seen=one) for source, one, same in changed]
        return replace(request, cotangents=values.cotangents(seen)), sources

    def _asked(
        self, request: Request, site: tuple[Any, ...], sources: list[Source], build: Callable[[], Graph] | None
    ) -> Asked:
        error = request.error
        return Asked(
            self.framework,
            request.api,
            site,
            tuple(source.path for source in sources),
            tuple(source.seen for source in sources),
            None if error is None else f"{type(error).__name__}: {error}",
            self.hooks.tapes.others_open(request.tape),
            build,
            self.recording,
        )
