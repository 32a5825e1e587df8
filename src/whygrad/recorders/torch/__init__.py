"""The recorder of PyTorch: starts and stops the hooks, and makes a Graph of a gradient request."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch

from whygrad.graph import Graph
from whygrad.recorders.lives import packages
from whygrad.recorders.naming import unique
from whygrad.recorders.recorder import Asked, Sink
from whygrad.recorders.torch.asking import Request, with_siblings
from whygrad.recorders.torch.births import Births
from whygrad.recorders.torch.byhand import ByHand
from whygrad.recorders.torch.closing import close, marked
from whygrad.recorders.torch.derivatives import derived
from whygrad.recorders.torch.emptied import Emptied
from whygrad.recorders.torch.ended import unapplied
from whygrad.recorders.torch.facts import known_of
from whygrad.recorders.torch.faults import kind_of
from whygrad.recorders.torch.health import Health
from whygrad.recorders.torch.hooks import Hooks
from whygrad.recorders.torch.keras import Keras
from whygrad.recorders.torch.lives import Lives
from whygrad.recorders.torch.log import Log
from whygrad.recorders.torch.meant import refused, used
from whygrad.recorders.torch.names import Home, Names, names_from
from whygrad.recorders.torch.parameters import Known, describe, others
from whygrad.recorders.torch.requests import Requests
from whygrad.recorders.torch.steady import Steady
from whygrad.watching.watch import Watch

# Requests whose sources have been named.
MOST_PLACES = 1000


class Torch:
    """Listens to PyTorch."""

    framework = "torch"

    def __init__(self) -> None:
        self.sink: Sink | None = None
        self.log = Log()
        self.lives = Lives(self._fault)
        self.known = Known()
        self.hooks = Hooks(self.log, self.lives, self._read, self._raised, self._fault)
        self.requests = Requests(
            self._heard, self._mark, lambda: self.recording, self._pause, lambda: self.log.now, self._fault
        )
        self.keras = Keras(self.log, self.requests.steps, self._told, self._fault)
        self.lives.optimizer_made, self.lives.optimizer_failed = self._optimizer_made, self._came_to_nothing
        self.requests.used, steps = self._used, self.requests.steps
        steps.recorder = steps.thaws.recorder = self
        self.by_hand = ByHand(self.log, self.hooks.crossings)
        births, steps.clearing.emptied = Births(self), Emptied(self)
        self.requests.answered, self.lives.module_made = births.answered, births.made
        self.steady = Steady(lambda asked: self.sink.asked(asked) if self.sink is not None else None)
        steps.goes_on = lambda o: not self.recording and self.steady.goes_on(o)
        steps.shelve = lambda request: self._closed(request, self._names(request.frame, request.sources))
        steps.let_go = lambda tensor: self.known.let_go(tensor, self.lives.modules)
        self.requests.grads.derived = lambda outputs, answers, frame: derived(self.log, outputs, answers, frame)
        self.requests.grads.outermost = self.hooks.transforms.outermost
        self.requests.grads.refused = self._came_to_nothing
        self.hooks.transforms.mark, self.hooks.transforms.unanswered = self._mark, self.requests.grads.unanswered
        self.hooks.replicas.coming, self.lives.schedule_made = self._came_round, steps.scheduled
        self.recording = False
        self.health: Health | None = None
        # An error about gradients that an operation raised: it, the operation, its place, its inputs.
        self._last: tuple[BaseException, str, Any, tuple[int, ...]] | None = None
        # What an optimizer last refused: how the script would end of it, and what there is to say.
        self._refused: tuple[str, Graph] | None = None
        self._paths: dict[tuple[Any, ...], list[str]] = {}

    def start(self, sink: Sink) -> None:
        """Record from now on."""
        self.sink = sink
        try:
            self.requests.install()
            self.lives.start()
            self.keras.start()
            self.wake()
        except Exception as error:
            self._fault(error)

    def wake(self) -> None:
        """Put the recording hooks on (again)."""
        if not self.recording:
            self.steady.forget()
            self.log.clear()
            self.hooks.install()
            self.keras.wake()
            self.recording = True

    def rest(self) -> None:
        """Take the recording hooks off and forget the log; requests are still watched."""
        if self.recording:
            self.recording = False
            self.hooks.remove()
            self.keras.rest()
            for part in (self.hooks.values, self.hooks.modules, self.hooks.transforms):
                part.clear()
            self.log.clear()

    def watch(self, watch: Watch) -> None:
        """Measure gradients and updates from now on; comes before ``start``."""
        self.health = Health(self, watch)
        self.health.install()

    def finish(self, error: str | None) -> None:
        """The script has ended: tell what is still pending, and the operation that it ended in."""
        if self.sink is None:
            return
        try:
            self.steady.told()
            self.requests.finish(error)
            for graph in unapplied(self) if error is None else ():
                self.sink.told(graph)
            if self._refused is not None and self._refused[0] == error:
                self.sink.told(self._refused[1])
            raised, self._last = self._last, None
            if raised is not None and self.recording and error == _said(raised[0]):
                fault, name, stack, inputs = raised
                self.requests.raised(f"torch.{name}", stack, None, (), fault, inputs)
        except Exception as fault:
            self._fault(fault)

    def stop(self) -> None:
        """Take every hook off."""
        self.rest()
        self.requests.patches.undo()
        self.keras.stop()
        self.lives.stop()
        if self.health is not None:
            self.health.stop()

    def versions(self) -> dict[str, str]:
        """Of torch, and of the Keras that computes with it."""
        found = {"torch": str(torch.__version__)}
        return found | {name: str(sys.modules[name].__version__) for name in packages("torch")}

    def keras_imported(self, _module: Any) -> None:
        """Keras has been imported: listen to it as well, if it computes with torch."""
        if self.sink is not None:
            self.keras.start()
            if self.recording:
                self.keras.wake()

    def _fault(self, error: BaseException) -> None:
        """An error of ours: everything off, said once, the script goes on; the next request takes away what is left."""
        sink, self.sink = self.sink, None
        self.recording = False
        for undo in (self.hooks.remove, self.keras.stop, self.lives.stop):
            try:
                undo()
            except Exception:
                continue
        if sink is not None:
            sink.fault(self.framework, error)

    def _told(self, graph: Graph) -> None:
        if self.sink is not None:
            self.sink.told(graph)

    def _read(self, tensor: Any, gradient: Any, frame: Any) -> None:
        if self.recording and self.requests.unread() and self.known.home(tensor) is None:
            self._remember(frame)
        if self.recording:
            self.by_hand.read(gradient)
        self.requests.read(tensor, gradient, frame)

    def _raised(self, error: BaseException, name: str, stack: Any, serials: tuple[int, ...]) -> None:
        """An operation raised; whether it matters shows when the script ends in it."""
        if kind_of(str(error)) is not None:
            self._last = (error.with_traceback(None), name, stack, serials)

    def _pause(self, paused: bool) -> None:
        if not (self.recording if paused else self.log.local.busy):
            return  # nobody listens, or nobody was sent away
        self.log.local.busy = paused
        try:
            self.hooks.pause(paused)
        except Exception as error:
            self._fault(error)

    def _mark(self, targets: Any) -> int:
        with self.log.own_work():
            return marked(self.log, self.hooks.values, targets)

    def _came_round(self) -> None:
        if self.sink is not None:
            self.sink.came_round()

    def _optimizer_made(self, optimizer: Any, frame: Any) -> None:
        """Its parameters are named as they are reached now: the model may let go of them later."""
        if not self.recording:
            self.requests.steps.met(optimizer)
            return
        with self.log.own_work():
            held = [p for group in optimizer.param_groups for p in group["params"]]
            names = self._names(frame, held)
            self.known.remember(held, names)
            self.requests.steps.made(optimizer, known_of(self, optimizer, names))

    def _came_to_nothing(self, error: BaseException, given: Any, frame: Any) -> None:
        """An optimizer, or ``grad``, refused what it was given; that matters if the script ends in it."""
        with self.log.own_work():
            graph = refused(self, error, given, frame, self._names(frame, ()))
            self._refused = None if graph is None else (_said(error), graph)

    def _used(self, frame: Any) -> list[Any]:
        with self.log.own_work():
            return used(self, self._names(frame, ()))

    def _names(self, frame: Any, sources: Iterable[Any]) -> Names:
        sources = list(sources)
        names = names_from(frame, self.lives.modules, frozenset(id(s) for s in sources), self.known.root)
        for source in sources:
            if id(source) not in names.homes and (path := self.hooks.transforms.name_of(source)) is not None:
                names.homes[id(source)] = Home(path, None, False)
        return names

    def _remember(self, frame: Any) -> None:
        """What the script reads a gradient of may be asked about when its frames are gone."""
        with self.log.own_work():
            names = self._names(frame, ())
            self.known.remember(names.tensors(), names)

    def _heard(self, request: Request) -> None:
        self.hooks.sweep()
        self.steady.told()
        if self.sink is None and request.site[0] != "step":  # torch goes through the hooks of optimizers just then
            self.requests.patches.undo()
        if self.sink is None or not request.stack:
            return
        with self.log.own_work():
            names: list[Names] = []

            def named() -> Names:
                if not names:
                    names.append(self._names(request.frame, request.sources))
                    self.keras.rename(names[0], request.frame)
                return names[0]

            if request.site[0] == "read":
                request = with_siblings(request, named())
            values = self.hooks.values
            if self.recording:
                seen = values.measured(request.sources, request.seen, request.got)
            else:
                seen = values.still(request.sources, request.seen)
            request = replace(request, seen=seen) if seen != request.seen else request
            paths = self._paths_of(request, named)
            if self.recording and request.site[0] == "read" and not self.requests.steps.any:
                self.by_hand.asked(request, paths)
            build = (lambda: self._closed(request, named())) if self.recording and request.sources else None
            error = None if request.error is None else _said(request.error)
            what, seen = (request.api, request.site, tuple(paths)), tuple(request.seen)
            asked = Asked(self.framework, *what, seen, error, request.more, build, self.recording)
            if not self.recording and request.by is not None and not values.has_zeros():
                self.steady.learn(request.by, asked, self.requests.steps.pace_of(request.by))
            self.sink.asked(asked)

    def _paths_of(self, request: Request, named: Callable[[], Names]) -> list[str]:
        """The sources by name, found once per place and set of tensors, since it is asked each step."""
        key = (request.site, tuple([id(t) for t in request.sources]))
        paths = self._paths.get(key)
        if paths is None:
            if len(self._paths) >= MOST_PLACES:
                self._paths.clear()  # new tensors in each step
            found = describe(request.sources, request.seen, named(), self.known, self.lives.modules)
            paths = self._paths[key] = unique([d.path for d in found])
        return paths

    def _closed(self, request: Request, names: Names) -> Graph:
        self.hooks.modules.tie()
        described = describe(request.sources, request.seen, names, self.known, self.lives.modules)
        if request.api.startswith("torch.func."):
            described = [replace(d, is_variable=True, argument=True) for d in described]
        met = {id(t) for _, t in self._living(names)}
        more = others(described, names, met)
        paths = unique([d.path for d in described] + [d.path for d in more])
        described = [replace(d, path=p) for d, p in zip([*described, *more], paths, strict=True)]
        return close(self, request, described, names)

    def _living(self, names: Names) -> list[tuple[str, Any]]:
        """The parameters of named modules, listed by them or not, and named tensors, of those that the log knows."""
        listed = [(path, p) for path, (module, _, _) in names.trees.items() for p in module._parameters.values()]
        loose = [(path, reference()) for path, reference in names.loose.items()]
        bare = [("", t) for t in names.tensors()]
        variables = [("", v._value) for reference in names.variables.values() if (v := reference()) is not None]
        return [(path, p) for path, p in [*listed, *loose, *bare, *variables] if p is not None and self.log.known(p)]


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
