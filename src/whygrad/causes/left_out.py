"""A parameter that gets its gradient and that no optimizer holds: forgotten, or left out on purpose?

Leaving parameters out of the optimizer is a common way to freeze them. It is a fault only where that can not be meant:
most of the model is trained, and all that is left out comes after what is trained. A frozen backbone comes first, an
adapter has frozen layers on both sides, and behind a learned input nearly everything is frozen.
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
    if not trained or not case.flow.alive(case.parameter) or _took_a_place(case):
        return False
    root = root_of(case.parameter.owner)
    mates = [p for p in trained if root is not None and root_of(p.owner) == root]
    if not mates:
        return _is_of_the_script(case) and _come_after(case, [case.parameter], trained, looked_up=True)
    unheld = [p for p in case.graph.parameters if is_unheld(p) and root_of(p.owner) == root]
    return len(unheld) <= len(mates) and _come_after(case, unheld, trained)


def _took_a_place(case: Case) -> bool:
    """Whether parameters that were asked for have left the model: what is unheld may have come in their place."""
    return any(p.asked and p.in_model is False and not case.flow.influences(p.value) for p in case.graph.parameters)


def root_of(path: str | None) -> str | None:
    """The outermost object of a path."""
    return path.split(".")[0].split("[")[0] if path else None


def _is_of_the_script(case: Case) -> bool:
    """A parameter on its own or set in a class of the script, such as a learned temperature of a loss."""
    owner = case.parameter.owner
    layer = case.graph.layer(owner) if owner else None
    return owner is None or (layer is not None and layer.forward is not None)


def _come_after(case: Case, left: list[Parameter], trained: list[Parameter], looked_up: bool = False) -> bool:
    """Whether all of these meet what is computed with trained parameters, and nothing else that is no parameter.

    Args:
        looked_up: integers that choose among the rows of one, such as labels, are no data.
    """
    weights = {p.value for p in case.graph.parameters if p.value >= 0}
    moved = set(case.flow.forward([p.value for p in trained if p.value >= 0], barriers=False)) - weights
    met = [_meets(case, p.value, weights, looked_up) for p in left]
    return all(one and one <= moved for one in met)


def _meets(case: Case, value: int, weights: set[int], looked_up: bool) -> set[int]:
    """The first values beside parameters that a parameter is combined with."""
    alone, met = [value], set()
    for one in alone:  # grows on the way
        for op in case.flow.readers(one):
            if not any(case.flow.carries(v) for v in case.graph.outputs(op)):
                continue  # a validation pass, or that of an earlier step
            others = set(case.graph.inputs(op)) - weights - set(alone)
            data = {v for v in others if not (looked_up and _is_integer(case, v))}
            met |= data
            alone.extend(v for v in case.graph.outputs(op) if not data and v not in alone)
    return met


def _is_integer(case: Case, value: int) -> bool:
    return case.graph.value(value).dtype.startswith(("int", "uint", "bool"))
