"""A parameter that gets its gradient and that no optimizer holds: forgotten, or left out on purpose?

Leaving parameters out of the optimizer is a common way to freeze them. It is a fault only where that can not be meant:
most of the model is trained, and all that is left out comes after what is trained. A frozen backbone comes first, an
adapter has frozen layers on both sides, and behind a learned input nearly everything is frozen. What the script froze
and thawed again is meant to learn wherever it stands.
"""

from __future__ import annotations

import ast

from whygrad import source
from whygrad.causes.applied.unapplied import tell
from whygrad.causes.cause import Case, Explanation
from whygrad.causes.words import Words
from whygrad.graph import Event, Parameter

_UNHELD = Words(
    "no optimizer holds it",
    "this optimizer does not get it",
    "give it to the optimizer, or set `requires_grad = False` if it is not to learn",
    "it gets a gradient, and no optimizer was ever given it; it comes after what is trained, or was thawed",
    "warning",
)
_LEFT_OUT = Words(
    "`{code}` does not hand it to the optimizer",
    "takes only some of the variables that were asked for",
    "use one list of variables for the gradient call and for the optimizer",
    "others of the same request were applied and moved; this one was handed to no optimizer, and never moved",
    "warning",
)
_SORTING = (ast.Subscript, ast.comprehension, ast.IfExp)


def unheld(case: Case, event: Event) -> Explanation | None:
    """No optimizer was ever given it."""
    return tell(case, _UNHELD, event.span) if _is_forgotten(case) else None


def left_out(case: Case, event: Event) -> Explanation | None:
    """An optimizer was handed others of the same request, and not this one."""
    return tell(case, _LEFT_OUT, event.span) if _is_behind(case) else None


def _is_forgotten(case: Case) -> bool:
    """Whether an unheld parameter was forgotten, beyond doubt."""
    trained = [p for p in case.graph.parameters if p.asked and case.flow.alive(p)]
    if not trained or not case.flow.alive(case.parameter) or _took_a_place(case):
        return False
    if any(event.kind == "thawed" for event in case.parameter.history):
        return True  # nobody takes a freeze back for what is to stay as it is
    root = root_of(case.parameter.owner)
    mates = [p for p in trained if root is not None and root_of(p.owner) == root]
    if not mates:
        return _is_of_the_script(case) and _come_after(case, [case.parameter], trained, looked_up=True)
    forgotten = [p for p in case.graph.parameters if _met(case, p) and root_of(p.owner) == root]
    return len(forgotten) <= len(mates) and _come_after(case, forgotten, trained)


def _is_behind(case: Case) -> bool:
    """Whether what was left out of a request's updates is the lesser part, and not what the rest is built on.

    All of it comes after what was applied, or beside it where the gradients went to the optimizer unsorted.
    """
    left = [p for p in case.graph.parameters if _met(case, p)]
    trained = [p for p in case.graph.parameters if p.asked and p not in left and case.flow.alive(p)]
    if len(left) > len(trained):
        return False
    return _come_after(case, left, trained) or (_is_unsorted(case) and not _meet_any(case, trained, left))


def _met(case: Case, parameter: Parameter) -> bool:
    """Whether the recorder says of another parameter what it says of this one."""
    return bool(parameter.history) and parameter.history[-1].detail == case.parameter.history[-1].detail


def _is_unsorted(case: Case) -> bool:
    """Whether the call pairs the gradients with variables as they are: no filter, no slice."""
    place = case.parameter.history[-1].span
    call = source.node_at(place) if place is not None else None
    if not isinstance(call, ast.Call) or not call.args:
        return False
    pairs = call.args[0]
    named = isinstance(pairs, ast.Call) and isinstance(pairs.func, ast.Name) and pairs.func.id == "zip"
    return named and not any(isinstance(node, _SORTING) for node in ast.walk(pairs))


def _meet_any(case: Case, parameters: list[Parameter], others: list[Parameter]) -> bool:
    """Whether some of these are combined with what is computed with some of the others."""
    weights = {p.value for p in case.graph.parameters if p.value >= 0}
    made = set(case.flow.forward([p.value for p in others if p.value >= 0], barriers=False)) - weights
    return any(_meets(case, p.value, weights, False) & made for p in parameters if p.value >= 0)


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
            others = {v for v in case.graph.inputs(op) if not _is_state(case, v)} - weights - set(alone)
            data = {v for v in others if not (looked_up and _is_integer(case, v))}
            met |= data
            alone.extend(v for v in case.graph.outputs(op) if not data and v not in alone)
    return met


def _is_state(case: Case, value: int) -> bool:
    """Whether it is what a write left in a variable, such as its first value."""
    barriers = case.graph.barriers.get(case.graph.value_op[value], ())
    return bool(barriers) and all(barrier.kind == "state-write" for barrier in barriers)


def _is_integer(case: Case, value: int) -> bool:
    return case.graph.value(value).dtype.startswith(("int", "uint", "bool"))
