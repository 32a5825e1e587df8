"""Edits of the user's text that change exactly what they say, or none at all where that is not certain."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping

from whygrad import source
from whygrad.finding import Edit
from whygrad.span import Span

Edits = tuple[Edit, ...]
NONE: Edits = ()
# Expressions that need no brackets wherever they stand.
_CLOSED = (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.Constant, ast.Tuple, ast.List)


def replaced(place: Span, text: str) -> Edits:
    """Another text for a range whose ends are known."""
    if place.line is None or place.column is None or place.end_line is None or place.end_column is None:
        return NONE
    return (Edit(place.file, place.line, place.column, place.end_line, place.end_column, text),)


def unwrapped(call: Span, names: Collection[str]) -> Edits:
    """The call of a function with one argument, or of a method with none, made into what it was given."""
    node = source.node_at(call)
    if not isinstance(node, ast.Call) or node.keywords or _last(node.func) not in names:
        return NONE
    given = node.args[0] if len(node.args) == 1 else None
    if not node.args and isinstance(node.func, ast.Attribute):
        given = node.func.value
    text = source.segment(call.file, given) if given is not None else None
    if given is None or text is None or isinstance(given, ast.Starred):
        return NONE
    closed = isinstance(given, _CLOSED) and "\n" not in text
    return replaced(call, text if closed else f"({text})")


def wrapped(place: Span, opening: str) -> Edits:
    """An expression made the argument of a call that begins with a text such as ``nn.Parameter(``."""
    if place.line is None or place.column is None or place.end_line is None or place.end_column is None:
        return NONE
    return (
        Edit(place.file, place.line, place.column, place.line, place.column, opening),
        Edit(place.file, place.end_line, place.end_column, place.end_line, place.end_column, ")"),
    )


def continued(place: Span, method: str) -> Edits:
    """An expression with the call of a method behind it."""
    node = source.node_at(place)
    if not isinstance(node, _CLOSED) or place.end_line is None or place.end_column is None:
        return NONE
    return (Edit(place.file, place.end_line, place.end_column, place.end_line, place.end_column, f".{method}()"),)


def called(place: Span) -> Edits:
    """A method that is only named, called without arguments."""
    at = Span(place.file, place.end_line, place.end_column, place.end_line, place.end_column)
    return replaced(at, "()")


def calling(call: Span, function: str) -> Edits:
    """A call of another function with the same arguments."""
    node = source.node_at(call)
    called = source.range_of(node.func, call) if isinstance(node, ast.Call) else None
    return replaced(called, function) if called is not None else NONE


def given_keyword(call: Span, keyword: str) -> Edits:
    """A call with one more keyword (``name=value``) at its end; of a ``with`` block, the call that opens it."""
    block = source.statement_at(call)
    node = source.node_at(call)
    if not isinstance(node, ast.Call) and isinstance(block, ast.With) and len(block.items) == 1:
        node = block.items[0].context_expr
        call = source.range_of(node, call) or call
    name = keyword.partition("=")[0]
    if not isinstance(node, ast.Call) or any(k.arg in (name, None) for k in node.keywords):
        return NONE
    text = source.segment(call.file, node) or ""
    if call.end_line is None or call.end_column is None or text.rstrip(") \n").endswith(","):
        return NONE
    given = f", {keyword}" if node.args or node.keywords else keyword
    at = Span(call.file, call.end_line, call.end_column - 1, call.end_line, call.end_column - 1)
    return replaced(at, given)


def in_place(place: Span, methods: dict[type[ast.operator], str], plain: str) -> Edits:
    """The assignment around a place, made into a call that changes the object instead of the name.

    Args:
        methods: of augmented assignments; ``plain``: of ``=``.
    """
    statement = source.statement_at(place)
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, method = statement.targets[0], plain
    elif isinstance(statement, ast.AugAssign) and type(statement.op) in methods:
        target, method = statement.target, methods[type(statement.op)]
    else:
        return NONE
    start, value = source.range_of(target, place), source.range_of(statement.value, place)
    if not isinstance(target, ast.Name) or start is None or value is None or start.line != value.line:
        return NONE
    head = Span(place.file, start.line, start.column, value.line, value.column)
    tail = Span(place.file, value.end_line, value.end_column, value.end_line, value.end_column)
    return replaced(head, f"{target.id}.{method}(") + replaced(tail, ")")


def bound_again(place: Span, kept: Mapping[str, int | None]) -> Edits:
    """The statement around a call that nobody reads the result of, made to bind that to the name which it is new for.

    The name must be read later, or in the next turn of a loop, so that something comes of it.

    Args:
        kept: function to the position of the argument whose place its result takes; ``None``: of its object.
    """
    statement = source.statement_at(place)
    call = source.node_at(place)
    if getattr(statement, "value", None) is not call or not isinstance(call, ast.Call):
        return NONE
    text = _renewed(place.file, call, kept)
    if text is None or not _is_read_later(place, text):
        return NONE
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        target = source.range_of(statement.targets[0], place)
        return replaced(target, text) if target is not None else NONE
    before = Span(place.file, place.line, place.column, place.line, place.column)
    return replaced(before, f"{text} = ") if isinstance(statement, ast.Expr) else NONE


def _renewed(file: str, call: ast.Call, kept: Mapping[str, int | None]) -> str | None:
    """The name or the attribute that the result of a call is the next version of."""
    whole = _changed_at(call)
    if whole is not None:
        return _plain(file, whole)
    name = _last(call.func)
    if name is None or name not in kept:
        return None
    at, old = kept[name], call.func.value if isinstance(call.func, ast.Attribute) else None
    if at is not None:
        old = call.args[at] if len(call.args) > at else None
    return _plain(file, old) if old is not None else None


def _changed_at(call: ast.Call) -> ast.expr | None:
    """The array of which JAX makes a new one with some elements changed: ``array.at[0].set(value)``."""
    subscript = call.func.value if isinstance(call.func, ast.Attribute) else None
    at = subscript.value if isinstance(subscript, ast.Subscript) else None
    return at.value if isinstance(at, ast.Attribute) and at.attr == "at" else None


def _plain(file: str, node: ast.expr) -> str | None:
    """The text of a name or of an attribute."""
    text = source.segment(file, node)
    return text if text is not None and all(part.isidentifier() for part in text.split(".")) else None


def _is_read_later(place: Span, name: str) -> bool:
    """Whether a name is read behind a place in its function, or anywhere in it where a loop comes round there again."""
    function, here = source.function_at(place), source.statement_at(place)
    if function is None or here is None:
        return False
    after = (s for s in source.statements(function) if source.is_repeated(place) or s.lineno > here.lineno)
    return "." in name or any(name in source.names_in(s) for s in after if s is not here)


def _last(function: ast.expr) -> str | None:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None
