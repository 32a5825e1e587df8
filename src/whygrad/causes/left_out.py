"""A parameter that gets its gradient and that no optimizer holds: forgotten, or left out on purpose?

Leaving parameters out of the optimizer is a common way to freeze them. It is a fault only where that can not be meant:
everything else of its model is trained, and what is trained comes before it. A frozen backbone comes first, and an
adapter has frozen layers on both sides.
"""

from __future__ import annotations

from whygrad.causes.cause import Case
from whygrad.graph import Parameter

UNHELD = "no optimizer"


def is_unheld(parameter: Parameter) -> bool:
    """Whether the recorder says that no optimizer holds it."""
    return bool(parameter.history) and parameter.history[-1].detail == UNHELD


def is_left_out(case: Case) -> bool:
    """Whether an unheld parameter was forgotten, beyond doubt."""
    trained = [p for p in case.graph.parameters if p.asked and case.flow.alive(p)]
    if not trained or not case.flow.alive(case.parameter):
        return False
    root = root_of(case.parameter.owner)
    if root is None or root not in {root_of(p.owner) for p in trained}:
        return _is_of_the_script(case) and _comes_after(case, case.parameter, trained, looked_up=True)
    unheld = [p for p in case.graph.parameters if is_unheld(p) and root_of(p.owner) == root]
    return all(_comes_after(case, p, trained) for p in unheld)


def root_of(path: str | None) -> str | None:
    """The outermost object of a path."""
    return path.split(".")[0].split("[")[0] if path else None


def _is_of_the_script(case: Case) -> bool:
    """A parameter on its own or set in a class of the script, such as a learned temperature of a loss."""
    owner = case.parameter.owner
    layer = case.graph.layer(owner) if owner else None
    return owner is None or (layer is not None and layer.forward is not None)


def _comes_after(case: Case, parameter: Parameter, trained: list[Parameter], looked_up: bool = False) -> bool:
    """Whether it meets what is trained before it meets any data.

    Args:
        looked_up: integers that choose among its rows, such as labels, are no data.
    """
    graph, flow = case.graph, case.flow
    weights = {p.value for p in graph.parameters if p.value >= 0}
    moved = set(flow.forward([p.value for p in trained if p.value >= 0], barriers=False)) - weights
    alone = {parameter.value}
    for op in range(len(graph)):
        inputs = set(graph.inputs(op))
        if not inputs & alone:
            continue
        others = {v for v in inputs - alone - weights if not (looked_up and _is_integer(case, v))}
        if others:
            return bool(others & moved)
        alone.update(graph.outputs(op))
    return False


def _is_integer(case: Case, value: int) -> bool:
    return case.graph.value(value).dtype.startswith(("int", "uint", "bool"))
