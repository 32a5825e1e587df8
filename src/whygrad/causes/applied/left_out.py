"""A parameter that gets its gradient and that no optimizer holds: forgotten, or left out on purpose?

Leaving parameters out of the optimizer is a common way to freeze them. It is a fault only where that can not be meant:
most of the model is trained, and all that is left out comes after what is trained. A frozen backbone comes first, an
adapter has frozen layers on both sides, and behind a learned input nearly everything is frozen. What the script froze
and thawed again is meant to learn wherever it stands.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from whygrad import source
from whygrad.causes.applied.unapplied import tell
from whygrad.causes.around import updated_beside
from whygrad.causes.cause import Case, Explanation
from whygrad.causes.learning import computed_with, trained, values_trained, weights
from whygrad.causes.once import once
from whygrad.causes.words import Words
from whygrad.flow import Flow
from whygrad.graph import Event, Graph, Parameter
from whygrad.span import Span

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
_CUT_SHORT = Words(
    "`{code}` pairs the gradients with fewer variables",
    "`zip` ends with the shorter list, and the rest of the gradients are dropped",
    "use one list of variables for the gradient call and for the optimizer",
    "others of the same request were applied and moved; this one was handed to no optimizer, and never moved",
    "warning",
)
_BEHIND = Words(
    "`{code}` makes new values of the others, and not of it",
    "the others move here, and it stays",
    "make a new value of it here as well, or leave it out of the request",
    "the others were new in every request, and it was the very same array each time",
    "warning",
)
_SORTING = (ast.Subscript, ast.comprehension, ast.IfExp)


def unheld(case: Case, event: Event) -> Explanation | None:
    """No optimizer was ever given it."""
    return tell(case, _UNHELD, event.span) if _is_forgotten(case) else None


def left_out(case: Case, event: Event) -> Explanation | None:
    """An optimizer was handed others of the same request, and not this one."""
    if _is_read_alone(case):
        return None
    if _is_cut_short(case):
        return tell(case, _CUT_SHORT, event.span)
    return tell(case, _LEFT_OUT, event.span) if _is_behind(case) else None


def left_behind(case: Case, event: Event) -> Explanation | None:
    """The script makes new values of the others itself."""
    if event.span is None or not _is_behind(case):
        return None
    return tell(case, _BEHIND, updated_beside(event.span) or event.span)


def _is_forgotten(case: Case) -> bool:
    """Whether an unheld parameter was forgotten, beyond doubt."""
    flow, parameter = case.flow, case.parameter
    if not trained(flow) or not flow.alive(parameter) or _took_a_place(flow):
        return False
    if any(event.kind == "thawed" for event in parameter.history):
        return True  # nobody takes a freeze back for what is to stay as it is
    root = root_of(parameter.owner)
    if root is not None and _mates(flow, root):
        return _are_forgotten(flow, parameter.history[-1].detail, root)
    return _is_of_the_script(case) and _come_after(flow, [parameter], values_trained(flow), looked_up=True)


def _is_behind(case: Case) -> bool:
    """Whether what was left out of a request's updates is the lesser part, and not what the rest is built on.

    All of it comes after what was applied, or beside it where the gradients went to the optimizer unsorted.
    """
    detail = case.parameter.history[-1].detail
    return _are_behind(case.flow, detail) or (_is_unsorted(case) and _are_beside(case.flow, detail))


@once
def _noted(flow: Flow, detail: str) -> tuple[Parameter, ...]:
    """The parameters of which the recorder says this last."""
    return tuple(p for p in flow.graph.parameters if p.history and p.history[-1].detail == detail)


@once
def _others(flow: Flow, detail: str) -> frozenset[int]:
    """The trained parameters of which it does not."""
    return values_trained(flow) - {p.value for p in _noted(flow, detail)}


@once
def _mates(flow: Flow, root: str) -> tuple[Parameter, ...]:
    """The trained parameters of the same outermost object."""
    return tuple(p for p in trained(flow) if root_of(p.owner) == root)


@once
def _are_forgotten(flow: Flow, detail: str, root: str) -> bool:
    left, others = [p for p in _noted(flow, detail) if root_of(p.owner) == root], values_trained(flow)
    if len(left) > len(_mates(flow, root)) or not _come_after(flow, left, others, looked_up=True):
        return False
    # A table that is looked up may be the first layer as well as the last: another one shows where this ends.
    return any(_come_after(flow, [parameter], others) for parameter in left)


@once
def _are_behind(flow: Flow, detail: str) -> bool:
    left, others = _noted(flow, detail), _others(flow, detail)
    return len(left) <= len(others) and _come_after(flow, left, others)


@once
def _are_beside(flow: Flow, detail: str) -> bool:
    """Whether they are the lesser part, and no other is combined with what is computed with them."""
    left, others = _noted(flow, detail), _others(flow, detail)
    made = computed_with(flow, frozenset(p.value for p in left))
    return len(left) <= len(others) and not any(_meets(flow, value, False) & made for value in others)


def _is_unsorted(case: Case) -> bool:
    """Whether the call pairs the gradients with variables as they are: no filter, no slice, none of them read alone."""
    pairs = _paired(case.parameter.history[-1].span)
    first = pairs.args[0] if pairs is not None else None
    alone = isinstance(first, ast.Name) and _is_taken_apart(first.id, case.parameter.history[-1].span)
    return pairs is not None and not alone and not any(isinstance(node, _SORTING) for node in ast.walk(pairs))


def _is_cut_short(case: Case) -> bool:
    """Whether the call pairs whole lists, of which that of the variables is the shorter one."""
    pairs = _paired(case.parameter.history[-1].span)
    return pairs is not None and len(pairs.args) == 2 and isinstance(pairs.args[0], ast.Name) and _is_unsorted(case)


def _is_read_alone(case: Case) -> bool:
    """Whether it is of no layer, and the function reads single gradients: such as that of an image, to look at it."""
    place = case.parameter.history[-1].span
    pairs = _paired(place)
    first = pairs.args[0] if pairs is not None else None
    return case.parameter.owner is None and isinstance(first, ast.Name) and _is_taken_apart(first.id, place)


def _paired(place: Span | None) -> ast.Call | None:
    """The ``zip`` that the call at a place is given."""
    call = source.node_at(place) if place is not None else None
    pairs = call.args[0] if isinstance(call, ast.Call) and call.args else None
    named = isinstance(pairs, ast.Call) and isinstance(pairs.func, ast.Name) and pairs.func.id == "zip"
    return pairs if named else None  # type: ignore[return-value]


def _is_taken_apart(name: str, place: Span | None) -> bool:
    """Whether the function around a place reads elements of a list one by one, or binds the name to a part of one."""
    function = source.function_at(place) if place is not None else None
    return function is None or any(_takes_apart(statement, name) for statement in source.statements(function))


def _takes_apart(statement: ast.stmt, name: str) -> bool:
    inside = list(ast.walk(statement))
    if any(isinstance(n, ast.Subscript) and _is_named(n.value, name) for n in inside):
        return True
    if not isinstance(statement, ast.Assign):
        return False
    several = any(isinstance(target, ast.Tuple) for target in statement.targets)
    if several and _is_named(statement.value, name):
        return True
    return name in source.targets_of(statement) and any(map(_picks, inside))


def _picks(node: ast.AST) -> bool:
    """Whether an expression takes some elements of a list; a choice between whole lists does not."""
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        return any(one.ifs for one in node.generators) or any(isinstance(n, ast.IfExp) for n in ast.walk(node))
    return isinstance(node, ast.Subscript)


def _is_named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


@once
def _took_a_place(flow: Flow) -> bool:
    """Whether parameters that were asked for have left the model: what is unheld may have come in their place."""
    return any(p.asked and p.in_model is False and not flow.alive(p) for p in flow.graph.parameters)


def root_of(path: str | None) -> str | None:
    """The outermost object of a path."""
    return path.split(".")[0].split("[")[0] if path else None


def _is_of_the_script(case: Case) -> bool:
    """A parameter on its own or set in a class of the script, such as a learned temperature of a loss."""
    owner = case.parameter.owner
    layer = case.graph.layer(owner) if owner else None
    return owner is None or (layer is not None and layer.forward is not None)


def _come_after(flow: Flow, left: Sequence[Parameter], others: frozenset[int], looked_up: bool = False) -> bool:
    """Whether all of these meet what is computed with other parameters, and nothing else that is no parameter.

    Args:
        looked_up: integers that choose among the rows of one, such as labels, are no data.
    """
    moved = computed_with(flow, others)
    met = (_meets(flow, p.value, looked_up) for p in left)
    return all(one and one <= moved for one in met)


def _meets(flow: Flow, value: int, looked_up: bool) -> set[int]:
    """The first values beside parameters that a parameter is combined with."""
    graph, alone, met = flow.graph, [value], set[int]()
    for one in alone:  # grows on the way
        for op in flow.readers(one):
            if not any(flow.carries(v) for v in graph.outputs(op)):
                continue  # a validation pass, or that of an earlier step
            others = {v for v in graph.inputs(op) if not _is_state(graph, v)} - weights(flow) - set(alone)
            data = {v for v in others if not (looked_up and _is_integer(graph, v))}
            met |= data
            alone.extend(v for v in graph.outputs(op) if not data and v not in alone)
    return met


def _is_state(graph: Graph, value: int) -> bool:
    """Whether it is what a write left in a variable, such as its first value."""
    barriers = graph.barriers.get(graph.value_op[value], ())
    return bool(barriers) and all(barrier.kind == "state-write" for barrier in barriers)


def _is_integer(graph: Graph, value: int) -> bool:
    return graph.value(value).dtype.startswith(("int", "uint", "bool"))
