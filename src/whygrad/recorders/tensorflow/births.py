"""Variables that no model holds and that are made anew in each step, such as those of a layer made in ``call``.

A compiled step that makes variables is traced twice, and TensorFlow refuses to make them in the second trace.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from whygrad.graph import Event, Graph
from whygrad.recorders import frames
from whygrad.recorders.tensorflow.requests import site_of

# What TensorFlow says of a variable that a function would make each time it is traced.
_REFUSED = "only supports singleton tf.Variables"
_NOTE = "the exception comes from this: a compiled step may make variables only the first time that it is traced"


class Births:
    """The variables that a request's loss was computed with, and that nothing holds and nobody asks for."""

    def __init__(self) -> None:
        self._noted: dict[str, int] = {}
        self._refused: set[frames.Place] = set()

    def note(self, path: str, number: int) -> None:
        """One of them. One that stands alone may be noise; in the name of a layer's weight stands the layer."""
        if "/" in path:
            self._noted.setdefault(path, number)

    def refused(self, error: Exception) -> None:
        """A call of ``fit`` raised, perhaps where a variable was to be made again."""
        traceback = error.__traceback__ if _REFUSED in str(error) else None
        while traceback is not None:
            self._refused.add((traceback.tb_frame.f_code, traceback.tb_lasti))
            traceback = traceback.tb_next

    def anew(
        self, graphs: Iterable[Graph], handles: Mapping[int, frames.Stack], asked: Collection[int | None]
    ) -> Iterator[Graph]:
        """The Graphs of requests with the parameters marked of which others were made at the same place later on.

        Args:
            graphs: the first of each place that asks for gradients.
            handles: where variables were made, by their numbers, which grow.
            asked: the numbers of all that was ever asked for.
        """
        latest = {site_of(stack): number for number, stack in sorted(handles.items())}
        last = max(self._noted.values(), default=0)
        lone = {path: n for path, n in self._noted.items() if n in handles and n not in asked}
        again = {path for path, n in lone.items() if latest[site_of(handles[n])] > last}
        refused = {path for path, n in lone.items() if not self._refused.isdisjoint(handles[n][:1])}
        for graph in graphs:
            parameters = tuple(
                replace(p, history=(*p.history, Event("renewed", p.made())))
                for p in graph.parameters
                if p.path in again | refused
            )
            if parameters:
                yield replace(graph, parameters=parameters, notes=(*graph.notes, *((_NOTE,) if refused else ())))
