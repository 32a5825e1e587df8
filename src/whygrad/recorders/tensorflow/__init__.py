"""The recorder of TensorFlow: starts and stops the hooks, and makes a Graph of a gradient request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whygrad.graph import Graph
from whygrad.recorders import frames
from whygrad.recorders.keras import Layers
from whygrad.recorders.recorder import Asked, Sink
from whygrad.recorders.tensorflow.closing import close
from whygrad.recorders.tensorflow.hooks import Hooks
from whygrad.recorders.tensorflow.log import Log
from whygrad.recorders.tensorflow.ops import Table
from whygrad.recorders.tensorflow.parameters import Source, describe, held_names, number_of
from whygrad.recorders.tensorflow.requests import Request, Requests


class TensorFlow:
    """Listens to TensorFlow and Keras on TensorFlow."""

    framework = "tensorflow"

    def __init__(self) -> None:
        self.sink: Sink | None = None
        self.log = Log()
        self.table = Table()
        self.layers = Layers(self.log.local)
        self.hooks = Hooks(self.log, self._fault)
        self.requests = Requests(self._heard, self._fault)
        self.recording = False
        # What stood at each position of a request's sources when it was first heard.
        self.first_sources: dict[Any, tuple[bool, ...]] = {}

    def start(self, sink: Sink) -> None:
        """Record from now on."""
        self.sink = sink
        try:
            self.requests.install()
            self.wake()
        except BaseException as error:
            self._fault(error)

    def wake(self) -> None:
        """Put the recording hooks on (again)."""
        if not self.recording:
            self.log.clear()
            self.hooks.install()
            self.layers.wake(self._fault)
            self.recording = True

    def rest(self) -> None:
        """Take the recording hooks off and forget the log; requests are still watched."""
        if self.recording:
            self.recording = False
            self.hooks.remove()
            self.layers.rest()
            self.log.clear()

    def stop(self) -> None:
        """Take every hook off."""
        self.rest()
        self.requests.remove()
        self.layers.stop()

    def versions(self) -> dict[str, str]:
        """Of TensorFlow and of the Keras packages that are in use."""
        import sys

        modules = {name: sys.modules.get(name) for name in ("tensorflow", "keras", "tf_keras")}
        return {n: str(getattr(m, "__version__", "unknown")) for n, m in modules.items() if m is not None}

    def keras_imported(self, _module: Any) -> None:
        """Keras has been imported: listen to its layers as well."""
        if self.recording:
            self.layers.wake(self._fault)

    def _fault(self, error: BaseException) -> None:
        """An error of ours: everything off, said once, the script goes on."""
        sink, self.sink = self.sink, None
        for undo in (self.hooks.remove, self.requests.remove, self.layers.stop):
            try:
                undo()
            except BaseException:
                continue
        self.recording = False
        if sink is not None:
            sink.fault(self.framework, error)

    def _heard(self, request: Request) -> None:
        if self.sink is None:
            return
        busy, self.log.local.busy = self.log.local.busy, True
        try:
            names, labels = held_names(request.frame)
            sources = [
                describe(one, names, position, seen)
                for position, (one, seen) in enumerate(zip(request.sources, request.seen, strict=False))
            ]
            build: Callable[[], Graph] | None = None
            if self.recording:
                build = lambda: close(self, request, sources, labels)  # noqa: E731
            self.sink.asked(self._asked(request, sources, build))
        finally:
            self.log.local.busy = busy

    def _asked(self, request: Request, sources: list[Source], build: Callable[[], Graph] | None) -> Asked:
        error = request.error
        return Asked(
            self.framework,
            request.api,
            site_of(request.stack),
            tuple(number_of(one) if source.is_variable else source.path for one, source in zip(request.sources, sources, strict=True)),
            tuple(source.path for source in sources),
            tuple(source.seen for source in sources),
            None if error is None else f"{type(error).__name__}: {error}",
            build,
        )


def site_of(stack: frames.Stack) -> tuple[Any, ...]:
    """The place of a request: the same again means a new step."""
    return tuple((id(place[0]), place[1]) for place in stack)
