"""A plain tensor that a module keeps as an attribute: was it to learn, or is it data that a derivative is taken of?

Both require a gradient. What is to learn is made in a constructor, of numbers or at random, and its module combines it
with what comes in. Points at which an equation is to hold are made there as well, but go through the network.
"""

from __future__ import annotations

import ast

from whygrad import source
from whygrad.causes.cause import Case
from whygrad.graph import Parameter
from whygrad.span import Span

_MAKERS = frozenset("zeros ones rand randn full empty eye zeros_like ones_like randn_like rand_like".split())
_FROM_DATA = frozenset("tensor as_tensor asarray Tensor FloatTensor DoubleTensor from_numpy".split())


def is_to_learn(case: Case) -> bool:
    """Whether a plain leaf tensor that a module holds was meant as a parameter."""
    made = case.parameter.made()
    if made is None or not any((span.function or "").endswith("__init__") for span in made.stack()):
        return False
    return _is_made_up(made, case.parameter) and _is_read_by_name(case)


def _is_made_up(made: Span, parameter: Parameter) -> bool:
    """Whether its first value is a number, or no data but a constant or noise."""
    if parameter.shape == ():
        return True
    node = source.node_at(made)
    calls = [c for c in ast.walk(node) if isinstance(c, ast.Call)] if node is not None else []
    makers = {name for call in calls if (name := _name(call)) in _MAKERS | _FROM_DATA}
    data = [call for call in calls if _name(call) in _FROM_DATA and not (call.args and _is_literal(call.args[0]))]
    return bool(makers) and not data


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_literal(node: ast.expr) -> bool:
    return not any(isinstance(inner, (ast.Name, ast.Attribute, ast.Call)) for inner in ast.walk(node))


def _is_read_by_name(case: Case) -> bool:
    """Whether a line of its own module names it where it is first computed with, not a layer that it is handed to."""
    owner, attribute = (case.parameter.holder or "").rpartition(".")[::2]
    for op in case.flow.readers(case.parameter.value):
        view = case.graph.op(op)
        inside = view.scope.rpartition("/")[2]
        statement = source.statement_at(view.span) if view.span is not None else None
        if statement is None or inside.startswith(f"{owner}."):
            continue
        if any(isinstance(n, ast.Attribute) and n.attr == attribute for n in ast.walk(statement)):
            return True
    return False
