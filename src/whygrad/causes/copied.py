"""A copy of the model that each step makes anew: the loss comes from it, and leads back to nothing else."""

from __future__ import annotations

import ast

from whygrad import source
from whygrad.causes.cause import Case, Explanation, alone
from whygrad.causes.once import once
from whygrad.causes.words import Words, explained
from whygrad.flow import Flow
from whygrad.graph import Layer, Shape
from whygrad.span import Span

_WORDS = Words(
    "the loss comes from a copy that `{code}` makes each time, and a copy has gradients of its own",
    "copied here: nothing that is computed with the copy leads back",
    "compute it with the model itself and changed weights (`torch.func.functional_call`), or hand the copy's gradients "
    "over to the model",
    "nothing on the way to the loss reads it, and the copy is read there",
)


def copied(case: Case) -> Explanation | None:
    """Nothing of it leads to the loss, and a copy does that was made in the loop which asks."""
    parameter = case.parameter
    if not parameter.is_variable or parameter.shape is None or case.flow.influences(parameter.value):
        return None
    place = next((span for span, shapes in _copies(case.flow, case.opened) if parameter.shape in shapes), None)
    return explained(_WORDS, place, alone(case)) if place is not None else None


@once
def _copies(flow: Flow, opened: int) -> tuple[tuple[Span, frozenset[Shape | None]], ...]:
    """Where copies that lead to the loss were made in its loop, each with the shapes of their parameters."""
    graph = flow.graph
    made = [(layer, layer.made) for layer in graph.layers if layer.made is not None and _is_made_anew(flow, layer)]
    leading = _leading(flow, opened) if made else frozenset()
    found = []
    for layer, place in made:
        inside = [p for p in graph.parameters if p.owner == layer.path or (p.owner or "").startswith(f"{layer.path}.")]
        if layer.path in leading and inside and place is not None:
            found.append((place, frozenset(p.shape for p in inside)))
    return tuple(found)


def _leading(flow: Flow, opened: int) -> frozenset[str]:
    """The layers in which something ran that leads to the loss."""
    graph = flow.graph
    ops = (op for op in range(opened, len(graph)) if any(map(flow.carries, graph.outputs(op))))
    return frozenset(part for op in ops for part in graph.names[graph.op_scope[op]].split("/"))


def _is_made_anew(flow: Flow, layer: Layer) -> bool:
    """Whether a layer is a copy, made in a loop of a function from which the gradient is asked for."""
    call = source.node_at(layer.made) if layer.made is not None else None
    name = getattr(call.func, "attr", getattr(call.func, "id", "")) if isinstance(call, ast.Call) else ""
    if layer.made is None or name != "deepcopy":
        return False
    asking = {(span.file, span.function) for span in flow.graph.request}
    # Of the functions around both the innermost counts: what runs a whole training again is no step.
    shared = next((s for s in layer.made.stack() if (s.file, s.function) in asking), None)
    return shared is not None and source.is_repeated(shared)
