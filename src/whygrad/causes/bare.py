"""A term of the loss in which no parameter takes part: the place where what a parameter gives was to be used."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from whygrad import source
from whygrad.causes.cause import Case
from whygrad.flow import Flow
from whygrad.span import Span

_DEEPEST = 8  # names that stand for sums of names, and so on


def bare_term(case: Case, place: Span) -> Span | None:
    """The one term of what a function returns that is computed, and of no parameter, beside terms that are.

    Args:
        place: any expression in the function.
    """
    function = source.function_at(place)
    if function is None or isinstance(function, ast.Module):
        return None
    returned = [s for s in source.statements(function) if isinstance(s, ast.Return)]
    if len(returned) != 1 or returned[0].value is None:
        return None
    terms = list(_terms(returned[0].value, function, _DEEPEST))
    touched = _touched(case, place)
    bare = [t for t in terms if not any(source.covers(t, span) for span in touched) and not _fetches(case, t)]
    computed = len(bare) == 1 and any(isinstance(part, ast.Call) for part in ast.walk(bare[0]))
    return source.range_of(bare[0], place) if computed and len(terms) > 1 else None


def _fetches(case: Case, term: ast.expr) -> bool:
    """Whether a call gets a parameter by its name, which no operation shows: ``self.param("bias", ...)``."""
    steps = {step for parameter in case.graph.parameters for step in parameter.path.split("/")}
    return any(isinstance(part, ast.Constant) and part.value in steps for part in ast.walk(term))


def _terms(node: ast.expr, function: source.FunctionNode, deepest: int) -> Iterator[ast.expr]:
    """What is added up; a weight that is a number belongs to its term, and what stands beside the loss to none."""
    if isinstance(node, ast.Tuple) and node.elts:
        yield from _terms(node.elts[0], function, deepest)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        yield from _terms(node.left, function, deepest)
        yield from _terms(node.right, function, deepest)
    elif isinstance(node, ast.UnaryOp):
        yield from _terms(node.operand, function, deepest)
    elif isinstance(node, ast.BinOp) and isinstance(node.left, ast.Constant):
        if node.left.value != 0:
            yield from _terms(node.right, function, deepest)
    elif isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant):
        if node.right.value != 0:
            yield from _terms(node.left, function, deepest)
    elif isinstance(node, ast.Name) and deepest:
        made = [s for s in source.statements(function) if node.id in source.targets_of(s)]
        if len(made) == 1 and isinstance(made[0], ast.Assign):
            # Of a tuple the part is not known, only that it was made there.
            yield from _terms(made[0].value, function, 0 if isinstance(made[0].targets[0], ast.Tuple) else deepest - 1)
        else:
            yield node
    else:
        yield node


def _touched(case: Case, place: Span) -> list[Span]:
    """The places in the function at which something is computed that a parameter takes part in."""
    graph = case.graph
    whole = Flow(graph) if case.flow.hidden else case.flow  # a weight penalty, where the data's own way is judged
    values = set(whole.forward([p.value for p in graph.parameters]))
    stacks = {graph.op_stack[op] for op in range(len(graph)) if not values.isdisjoint(graph.outputs(op))}
    spans = (span for number in stacks for span in graph.stacks[number])
    return [span for span in spans if (span.file, span.function) == (place.file, place.function)]
