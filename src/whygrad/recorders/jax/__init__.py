"""The recorder of JAX: listens to gradient requests, and makes a Graph of each while JAX runs or traces it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from types import ModuleType

from whygrad.graph import Graph
from whygrad.recorders import frames
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.closing import close
from whygrad.recorders.jax.hooks import Hooks
from whygrad.recorders.jax.nnx import Variables
from whygrad.recorders.jax.requests import Request, Requests
from whygrad.recorders.recorder import Asked, Sink

# How often one place is recorded while the session rests: a place that is new then was never judged.
_ONCE = 1


class Jax:
    """Listens to JAX and to what is built on it."""

    framework = "jax"

    def __init__(self) -> None:
        self.sink: Sink | None = None
        self.resting = False
        self.hooks = Hooks(self._fault)
        self.variables = Variables(self._fault)
        self.requests = Requests(self.hooks, self._wanted, self._heard, self._fault, self.variables)
        self._recorded: Counter[Hashable] = Counter()

    def start(self, sink: Sink) -> None:
        """Record from now on."""
        self.sink = sink
        try:
            self.hooks.private = compat.private()
            self.requests.install()
        except Exception as error:
            self._fault(error)

    def rest(self) -> None:
        """Record no more but requests at places that are new."""
        self.resting = True

    def wake(self) -> None:
        """Record again."""
        self.resting = False

    def finish(self, error: str | None) -> None:
        """Every request was told when it was made."""

    def stop(self) -> None:
        """Take every hook off."""
        self.requests.remove()
        self.hooks.close()
        self.variables.stop()

    def versions(self) -> dict[str, str]:
        """Of JAX and the libraries on it."""
        return compat.versions()

    def nnx_imported(self, module: ModuleType) -> None:
        """Flax NNX has been imported: remember where its variables are made."""
        if self.sink is not None:
            self.variables.start(module)

    def _fault(self, error: BaseException) -> None:
        """An error of ours: everything off, said once, the script goes on."""
        sink, self.sink = self.sink, None
        self.stop()
        if sink is not None:
            sink.fault(self.framework, error)

    def _wanted(self, api: str, stack: frames.Stack) -> bool:
        return self.sink is not None and not (self.resting and self._recorded[_site(api, stack)] >= _ONCE)

    def _heard(self, request: Request) -> None:
        if self.sink is None:
            return
        graph = close(request)
        if graph is None:
            return
        site = _site(request.api, request.stack)
        self._recorded[site] += 1
        asked = [p for p in graph.parameters if p.asked]
        built: Graph = graph
        self.sink.asked(
            Asked(
                self.framework,
                request.api,
                site,
                tuple(p.path for p in asked),
                tuple(p.gradient for p in asked),
                graph.error,
                bool(request.around),
                lambda: built,
            )
        )


def _site(api: str, stack: frames.Stack) -> Hashable:
    return (api, *((id(place[0]), place[1]) for place in stack))
