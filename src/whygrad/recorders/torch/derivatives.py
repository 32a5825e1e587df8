"""Gradients that the script asked for on its way to the loss: forces of an energy, residuals of a field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

from whygrad.graph import NO_GRAPH, Barrier, Graph
from whygrad.recorders import frames
from whygrad.recorders.inner import Inner
from whygrad.recorders.reaching import carried
from whygrad.recorders.torch.asking import is_tensor
from whygrad.recorders.torch.log import Log, Ran
from whygrad.recorders.torch.tensors import made_of, note
from whygrad.recorders.torch.transforms import DERIVING

_LOST = ("none", "zero")


def derived(log: Log, outputs: Sequence[Any], answers: Sequence[Any], frame: FrameType) -> None:
    """Note the gradients that the script asked for: constants, unless autograd was told to make a graph of them."""
    with log.own_work():
        targets, made = [t for t in outputs if is_tensor(t)], [g for g in answers if is_tensor(g)]
        followed = [gradient for gradient in made if gradient.requires_grad]
        if followed:
            note(log, followed)
            log.derived.append((frozenset(map(log.serial, targets)), frozenset(map(log.serial, followed))))
        elif made:
            serials, grads = tuple(map(log.serial, targets)), tuple(t.requires_grad for t in targets)
            gradients = tuple(made_of(log, gradient) for gradient in made)
            scope = log.local.scope[-1] if log.local.scope else 0
            log.add(Ran(NO_GRAPH, serials, grads, gradients, False, frames.capture(frame), scope))


def excused(graph: Graph, log: Log, current: Mapping[int, int]) -> Graph:
    """The Graph without asking for what only shifts a quantity whose derivative the loss is made of.

    Args:
        current: serial to the value that stands for the tensor.
    """
    inner = Inner(tuple(log.derived))
    for number, value in current.items():
        inner.made(number, value)
    shifts = inner.shifts(graph) | _through_derivatives(graph)
    kept = (replace(p, asked=p.asked and not (p.value in shifts and p.gradient in _LOST)) for p in graph.parameters)
    return replace(graph, parameters=tuple(kept)) if shifts else graph


def _through_derivatives(graph: Graph) -> set[int]:
    """The values that lead to a loss by what functions of ``torch.func`` differentiated, and by nothing else."""
    ops = [op for op in range(len(graph)) if graph.names[graph.op_name[op]] in DERIVING]
    if not ops:
        return set()
    closed = {op: tuple(Barrier(i, o, "non-differentiable-op") for i, o in _pairs(graph, op)) for op in ops}
    return carried(graph) - carried(replace(graph, barriers={**graph.barriers, **closed}))


def _pairs(graph: Graph, op: int) -> list[tuple[int, int]]:
    return [(i, o) for i in range(len(graph.inputs(op))) for o in range(len(graph.outputs(op)))]
