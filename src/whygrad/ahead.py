"""What of the script still lies ahead of a call: whether it comes to another place that asks for gradients.

Only what is certain to be run counts: no branch, no handler of an exception, no function that is merely defined.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from whygrad import source
from whygrad.span import Span

# What a training loop asks for gradients by; other ways are rather those of an analysis behind the training.
_ASKS = frozenset(("backward", "gradient", "minimize"))
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_MAYBE = (*_FUNCTIONS, ast.ClassDef, ast.Lambda, ast.If, ast.IfExp, ast.BoolOp, ast.Match, ast.ExceptHandler)


def asks_again(place: Span) -> bool:
    """Whether the script asks for gradients once more, behind the loop around a place or a call that led there."""
    return any(_asks_behind(one) for one in (place, *place.called_from))


def _asks_behind(place: Span) -> bool:
    tree, function = source.tree(place.file), source.function_at(place)
    if tree is None or not isinstance(function, (*_FUNCTIONS, ast.Module)):
        return False
    functions: dict[str, list[ast.stmt]] = {}
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS):
            functions.setdefault(node.name, []).extend(node.body)
    return any(_asks(statement, functions, set()) for statement in _behind(function.body, place.line or 0))


def _behind(block: Sequence[ast.stmt], line: int) -> Iterator[ast.stmt]:
    """The statements behind the one on a line, in its block and in those around it; a loop comes round as a whole."""
    for index, statement in enumerate(block):
        if statement.lineno <= line <= (statement.end_lineno or statement.lineno):
            if not isinstance(statement, _LOOPS):
                for name in ("body", "orelse", "finalbody"):
                    yield from _behind(getattr(statement, name, ()), line)
            yield from block[index + 1 :]


def _asks(node: ast.AST, functions: Mapping[str, Sequence[ast.stmt]], seen: set[str]) -> bool:
    """Whether what is certain to run of a node asks for gradients, the file's own functions that it calls included."""
    if isinstance(node, _MAYBE):
        return False
    name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
    if name in _ASKS:
        return True
    inside = functions.get(name, ()) if name not in seen else ()
    seen.add(name)
    return any(_asks(each, functions, seen) for each in (*inside, *ast.iter_child_nodes(node)))
