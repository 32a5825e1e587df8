"""A gradient that is asked of an empty list: taken before there was anything to put into it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from whygrad import source
from whygrad.causes.cause import Case, Explanation, alone
from whygrad.causes.words import Words, explained
from whygrad.finding import Label
from whygrad.graph import Parameter
from whygrad.span import Span

_EMPTY = Words(
    "the list of which the gradient is asked was taken when it was still empty",
    "nothing is in it yet: the variables are made later, when the model is first called",
    "take the list after the model was built or called, or anew at each step",
    "the request was given an empty list, its loss depends on this, and nobody else asked for it",
)
_NOTHING = Words(
    "the gradient is asked of an empty list",
    "there is nothing in the list that is given here",
    "ask for the variables of the model that the loss was computed with",
    "the request was given an empty list, its loss depends on this, and nobody else asked for it",
)
# Properties that make a list anew at each reading.
_FRESH = frozenset(("trainable_variables", "trainable_weights", "variables", "weights"))
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_unlisted(parameter: Parameter) -> bool:
    """Whether a request whose loss depends on it was given an empty list."""
    return bool(parameter.history) and parameter.history[-1].kind == "unlisted"


def unlisted(case: Case) -> Explanation | None:
    """Where others are asked for elsewhere, only a list that was taken before and kept is a fault beyond doubt."""
    if not is_unlisted(case.parameter) or not case.graph.request or not case.flow.alive(case.parameter):
        return None
    request = case.graph.request[0]
    kept = _kept(request)
    if kept is not None:
        return explained(_EMPTY, kept, alone(case), Label(request, "asked here of the empty list"))
    return None if case.parameter.history[-1].detail else explained(_NOTHING, request, alone(case))


def _kept(request: Span) -> Span | None:
    """Where the list that a request is given was taken, if that was before and not at each step."""
    call = source.node_at(request)
    given = call.args[1] if isinstance(call, ast.Call) and len(call.args) > 1 else None
    if isinstance(given, ast.Name):
        places = _of_name(given.id, request)
    elif isinstance(given, ast.Attribute) and given.attr not in _FRESH:
        places = _of_attribute(given.attr, request)
    else:
        return None
    return places[0] if len(places) == 1 and not _is_anew(places[0], request) else None


def _of_name(name: str, request: Span) -> list[Span]:
    """What the innermost function around a request that knows a name, or else the module, binds to it."""
    module = source.tree(request.file)
    around = [n for n in ast.walk(module) if isinstance(n, _FUNCTIONS) and source.covers(n, request)] if module else []
    for function in reversed(around):
        if name in source.locals_of(function):
            return _places(source.statements(function), name, ast.Name, request)
    return _places(source.statements(module), name, ast.Name, request) if module is not None else []


def _of_attribute(name: str, request: Span) -> list[Span]:
    """What the file binds to an attribute of that name."""
    module = source.tree(request.file)
    return _places(ast.walk(module), name, ast.Attribute, request) if module is not None else []


def _places(nodes: Iterable[ast.AST], name: str, kind: type[ast.expr], request: Span) -> list[Span]:
    pairs = [pair for node in nodes if isinstance(node, ast.Assign) for pair in _pairs(node)]
    named = [value for target, value in pairs if isinstance(target, kind) and _name_of(target) == name]
    return [place for value in named if (place := source.range_of(value, request)) is not None]


def _name_of(target: ast.expr) -> str | None:
    return target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", None)


def _pairs(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The targets of an assignment with what each is bound to."""
    for target in node.targets:
        several = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
        if several and len(target.elts) == len(node.value.elts):  # type: ignore[attr-defined]
            yield from zip(target.elts, node.value.elts, strict=True)  # type: ignore[attr-defined]
        else:
            yield target, node.value


def _is_anew(place: Span, request: Span) -> bool:
    """Whether the list is taken again for each request: in its function, and in the loop around it, if there is one."""
    if source.function_at(place) is not source.function_at(request):
        return source.is_repeated(place)
    return source.is_repeated(place) or not source.is_repeated(request)
