"""What is told when the script has ended: what optimizers held, and could not change until then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from whygrad.graph import Event, Graph
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch


def unapplied(recorder: Torch) -> Iterator[Graph]:
    """For each optimizer that could not change what it holds, a Graph that says so; most have no operations."""
    yield from recorder.requests.steps.never_let_through()
    yield from recorder.requests.steps.thaws.graphs()
    yield from recorder.by_hand.lost()
    yield from recorder.requests.steps.clearing.emptied.graphs()
    for found in recorder.requests.steps.unapplied():
        facts, place = found.facts, frames.spans(found.place)[0] if found.place else None
        kept = Event("kept", place, found.why, note=found.note)
        parameters = [replace(p, history=(kept,)) for p in found.parameters]
        if parameters:
            builder = GraphBuilder(recorder.framework, "torch.optim.Optimizer.step", facts.library)
            yield builder.graph((), parameters, frames.spans(facts.asked) if facts.asked else ())
