"""What switches recording off for the block or the function around a place, and the edit that takes it away."""

from __future__ import annotations

import ast

from whygrad import rearrange, rewrite, source
from whygrad.causes.cause import Case, in_package
from whygrad.span import Span

# As the context manager of a block, or as a decorator.
_SWITCHES = ("no_grad", "inference_mode", "set_grad_enabled", "stop_recording")
# What may stand in a block that is to be recorded: it gives values, and changes none.
_GIVES = (ast.Assign, ast.AnnAssign, ast.Return, ast.If, ast.For)


def in_switched(stack: tuple[Span, ...]) -> Span | None:
    """The line that lies in the block, or the function, for which recording was switched off.

    What it calls knows nothing of that, and is right in itself.
    """
    return next((span for span in stack if switch_around(span) is not None), None)


def switch_around(span: Span) -> Span | None:
    """What switches recording off for the block or the function around a place."""
    function = source.function_at(span)
    if function is None:
        return None
    decorators = () if isinstance(function, (ast.Module, ast.Lambda)) else function.decorator_list
    blocks = (n for n in source.statements(function) if isinstance(n, ast.With) and _lies_in(span, n.body))
    switches = [*(i.context_expr for block in blocks for i in block.items), *decorators]
    return next((source.range_of(node, span) for node in switches if _switches(node)), None)


def _lies_in(span: Span, body: list[ast.stmt]) -> bool:
    return any(source.covers(statement, span) for statement in body)


def _switches(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return _switches(node.body) or _switches(node.orelse)
    function = node.func if isinstance(node, ast.Call) else node
    return ast.unparse(function).rpartition(".")[2] in _SWITCHES


def left_on(case: Case, switch: Span | None) -> rewrite.Edits:
    """The switch taken away, if all that is in the parameter's way was computed under it, and nothing is changed there.

    Args:
        switch: the expression behind ``with``, or the decorator.
    """
    if switch is None or in_package(switch) or isinstance(source.node_at(switch), ast.IfExp):
        return rewrite.NONE  # what chooses has a reason to
    if any(place_under(cut.stack, switch) is None for cut in case.flow.cuts(case.parameter.value)):
        return rewrite.NONE
    block, function = source.statement_at(switch), source.function_at(switch)
    if isinstance(block, ast.With):
        return rearrange.without_block(switch) if _gives_only(block.body) else rewrite.NONE
    if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and _gives_only(function.body):
        return rearrange.without_decorator(switch)
    return rewrite.NONE


def place_under(stack: tuple[Span, ...], switch: Span) -> Span | None:
    """The call of a stack for whose block or function recording was switched off just there."""
    return next((s for s in stack if (found := switch_around(s)) is not None and found.place() == switch.place()), None)


def _gives_only(body: list[ast.stmt]) -> bool:
    """Whether statements only bind names and hand values back: a change in place would fail once it is recorded."""
    inner = [node for each in body for node in ast.walk(each) if isinstance(node, ast.stmt)]
    named = all(isinstance(t, ast.Name | ast.Tuple) for s in inner if isinstance(s, ast.Assign) for t in s.targets)
    calls = (node for each in body for node in ast.walk(each) if isinstance(node, ast.Call))
    changes = any(isinstance(call.func, ast.Attribute) and _in_place(call.func.attr) for call in calls)
    return named and not changes and all(isinstance(s, _GIVES) or _is_text(s) for s in inner)


def _in_place(name: str) -> bool:
    return name.endswith("_") and not name.endswith("__")


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
