"""The recorder of PyTorch: starts and stops the hooks, and makes a Graph of a gradient request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from whygrad.graph import Graph
from whygrad.recorders.naming import unique
from whygrad.recorders.recorder import Asked, Sink
from whygrad.recorders.torch.asking import Request, answer
from whygrad.recorders.torch.closing import close, held_by, marked, unapplied
from whygrad.recorders.torch.faults import kind_of
from whygrad.recorders.torch.health import Health
from whygrad.recorders.torch.hooks import Hooks
from whygrad.recorders.torch.lives import Lives
from whygrad.recorders.torch.log import Log
from whygrad.recorders.torch.names import Names, names_from
from whygrad.recorders.torch.parameters import Known, describe, others
from whygrad.recorders.torch.requests import Requests
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
        self.lives.optimizer_made = self._optimizer_made
        self.lives.schedule_made = self.requests.steps.scheduled
        self.recording = False
        self.health: Health | None = None
        # An error about gradients that an operation raised: it, the operation, its place, its inputs.
        self._last: tuple[BaseException, str, Any, tuple[int, ...]] | None = None
        self._paths: dict[tuple[Any, ...], list[str]] = {}

    def start(self, sink: Sink) -> None:
        """Record from now on."""
        self.sink = sink
        try:
            self.requests.install()
            self.lives.start()
            self.wake()
        except BaseException as error:
            self._fault(error)

    def wake(self) -> None:
        """Put the recording hooks on (again)."""
        if not self.recording:
            self.log.clear()
            self.hooks.install()
            self.recording = True

    def rest(self) -> None:
        """Take the recording hooks off and forget the log; requests are still watched."""
        if self.recording:
            self.recording = False
            self.hooks.remove()
            self.hooks.values.clear()
            self.hooks.modules.clear()
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
            self.requests.finish()
            for graph in unapplied(self) if error is None else ():
                self.sink.told(graph)
            raised, self._last = self._last, None
            if raised is not None and self.recording and error == f"{type(raised[0]).__name__}: {raised[0]}":
                fault, name, stack, inputs = raised
                self.requests.raised(f"torch.{name}", stack, None, (), fault, inputs)
        except BaseException as fault:
            self._fault(fault)

    def stop(self) -> None:
        """Take every hook off."""
        self.rest()
        self.requests.remove()
        self.lives.stop()
        if self.health is not None:
            self.health.stop()

    def versions(self) -> dict[str, str]:
        """Of torch."""
        return {"torch": str(torch.__version__)}

    def _fault(self, error: BaseException) -> None:
        """An error of ours: everything off, said once, the script goes on; the next request takes away what is left."""
        sink, self.sink = self.sink, None
        self.recording = False
        for undo in (self.hooks.remove, self.lives.stop):
            try:
                undo()
            except BaseException:
                continue
        if sink is not None:
            sink.fault(self.framework, error)

    def _read(self, tensor: Any, gradient: Any, frame: Any) -> None:
        if self.recording and self.requests.unread() and self.known.home(tensor) is None:
            self._remember(frame)
        self.requests.read(tensor, gradient, frame)

    def _raised(self, error: BaseException, name: str, stack: Any, serials: tuple[int, ...]) -> None:
        """An operation raised; whether it matters shows when the script ends in it."""
        if kind_of(str(error)) is not None:
            self._last = (error.with_traceback(None), name, stack, serials)

    def _pause(self, paused: bool) -> None:
        self.log.local.busy = paused

    def _mark(self, targets: Any) -> int:
        return marked(self.log, targets)

    def _optimizer_made(self, optimizer: Any, frame: Any) -> None:
        """Its parameters are named as they are reached now: the model may let go of them later."""
        if not self.recording:
            self.requests.steps.optimizers.add(optimizer)
            return
        busy, self.log.local.busy = self.log.local.busy, True
        try:
            held = [p for group in optimizer.param_groups for p in group["params"]]
            self.known.remember(held, names_from(frame))
            self.requests.steps.made(optimizer, held_by(self, optimizer), self.lives.optimizers.get(optimizer, ()))
        finally:
            self.log.local.busy = busy

    def _remember(self, frame: Any) -> None:
        """What the script reads a gradient of may be asked about when its frames are gone."""
        busy, self.log.local.busy = self.log.local.busy, True
        try:
            names = names_from(frame)
            self.known.remember(names.tensors(), names)
        finally:
            self.log.local.busy = busy

    def _heard(self, request: Request) -> None:
        self.hooks.sweep()
        if self.sink is None:
            self.requests.remove()
        if self.sink is None or not request.stack:
            return
        busy, self.log.local.busy = self.log.local.busy, True
        try:
            names: list[Names] = []

            def named() -> Names:
                if not names:
                    names.append(names_from(request.frame))
                return names[0]

            if request.site[0] == "read":
                request = self._with_siblings(request, named())
            values = self.hooks.values
            if self.recording:
                request = replace(request, seen=values.measured(request.sources, request.seen, request.got))
            else:
                request = replace(request, seen=values.still(request.sources, request.seen))
            paths = self._paths_of(request, named)
            build: Callable[[], Graph] | None = None
            if self.recording:
                build = lambda: self._closed(request, named())  # noqa: E731
            error = request.error
            self.sink.asked(
                Asked(
                    self.framework,
                    request.api,
                    request.site,
                    tuple(paths),
                    tuple(request.seen),
                    None if error is None else f"{type(error).__name__}: {error}",
                    False,
                    build,
                    self.recording,
                )
            )
        finally:
            self.log.local.busy = busy

    def _with_siblings(self, request: Request, names: Names) -> Request:
        """By hand, one tensor is asked after the other: those beside it, of the same kind, are meant too."""
        held = {id(t) for t in request.sources}
        lost = [t for t, seen in zip(request.sources, request.seen, strict=True) if seen == "none" and not t.is_leaf]
        more = [t for tensor in lost for t in names.beside(tensor) if not t.is_leaf and id(t) not in held]
        return replace(
            request, sources=[*request.sources, *more], seen=(*request.seen, *(answer(t, request.got) for t in more))
        )

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
        described = describe(request.sources, request.seen, names, self.known, self.lives.modules)
        met = {id(t) for _, t in self._living(names)}
        more = others(described, names, self.lives.modules, met)
        paths = unique([d.path for d in described] + [d.path for d in more])
        both = [replace(d, path=path) for d, path in zip([*described, *more], paths, strict=True)]
        return close(self, request, both, names)

    def _living(self, names: Names) -> list[tuple[str, Any]]:
        """The parameters of named modules, listed by them or not, that the log knows."""
        listed = [(path, p) for path, (module, _, _) in names.trees.items() for p in module._parameters.values()]
        loose = [(path, reference()) for path, reference in names.loose.items()]
        bare = [("", p) for p in names.tensors() if isinstance(p, torch.nn.Parameter)]
        return [(path, p) for path, p in [*listed, *loose, *bare] if p is not None and self.log.known(p)]
