"""The user's text: the syntax tree of a file, the node at a Span, the function around it, names that flow."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache

from whygrad.span import Span

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Module


@lru_cache(maxsize=64)
def _parsed(file: str, size: int, head: str) -> ast.Module | None:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return None


def tree(file: str) -> ast.Module | None:
    """The syntax tree of a file, ``None`` where there is no (valid) source."""
    lines = linecache.getlines(file)
    return _parsed(file, len(lines), lines[0]) if lines else None


def text(span: Span) -> str | None:
    """The whole first line of a span."""
    if span.line is None:
        return None
    return linecache.getline(span.file, span.line).rstrip("\n") or None


def range_of(node: ast.AST, like: Span) -> Span | None:
    """The Span of a node in the file, function and call stack of another Span."""
    line, end_line = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
    if line is None or end_line is None:
        return None
    start = _column(like.file, line, node.col_offset)  # type: ignore[attr-defined]
    end = _column(like.file, end_line, node.end_col_offset)  # type: ignore[attr-defined]
    code = segment(like.file, node)
    return Span(like.file, line, start, end_line, end, like.function, code, like.called_from)


def segment(file: str, node: ast.AST) -> str | None:
    """The text of a node."""
    return ast.get_source_segment("".join(linecache.getlines(file)), node)


def _column(file: str, line: int, offset: int) -> int:
    raw = linecache.getline(file, line).encode("utf-8")[:offset]
    return len(raw.decode("utf-8", "replace")) + 1


def node_at(span: Span) -> ast.AST | None:
    """The outermost node that has exactly the range of a Span; of a statement that is an expression, the latter."""
    module = tree(span.file)
    if module is None or span.column is None:
        return None
    for node in ast.walk(module):
        if (
            not isinstance(node, ast.Expr)
            and getattr(node, "lineno", None) == span.line
            and getattr(node, "end_lineno", None) == span.end_line
        ):
            found = range_of(node, span)
            if found is not None and found.place() == span.place():
                return node
    return None


def covers(node: ast.AST, span: Span) -> bool:
    """Whether a Span's first character lies inside a node."""
    if span.line is None or not hasattr(node, "lineno"):
        return False
    end = (getattr(node, "end_lineno", None) or node.lineno, getattr(node, "end_col_offset", None) or 0)
    start = (node.lineno, getattr(node, "col_offset", 0))
    here = (span.line, (span.column or 1) - 1)
    return start <= here < end


def statement_at(span: Span) -> ast.stmt | None:
    """The innermost statement around where a Span begins; of those on its line, the last where no column is known."""
    module = tree(span.file)
    if module is None or span.line is None:
        return None
    best: ast.stmt | None = None
    for node in ast.walk(module):
        if not isinstance(node, ast.stmt) or not node.lineno <= span.line <= (node.end_lineno or node.lineno):
            continue
        if span.column is not None and not _reaches(node, span):
            continue
        if best is None or (node.lineno, -(node.end_lineno or 0)) >= (best.lineno, -(best.end_lineno or 0)):
            best = node
    return best


def _reaches(statement: ast.stmt, span: Span) -> bool:
    """Whether a statement is around a place on its lines, its decorators and what is before it on the line apart."""
    return covers(statement, span) or isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def function_at(span: Span) -> FunctionNode | None:
    """The innermost function around a Span, the module if there is none."""
    module = tree(span.file)
    if module is None or span.line is None:
        return None
    best: FunctionNode = module
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            inside = first <= span.line <= (node.end_lineno or node.lineno)
            if inside and (isinstance(best, ast.Module) or node.lineno >= best.lineno):
                best = node
    return best


def is_repeated(place: Span) -> bool:
    """Whether a loop of the function around a place runs it again."""
    function = function_at(place)
    loops = [s for s in statements(function) if isinstance(s, (ast.For, ast.AsyncFor, ast.While))] if function else []
    return place.line is not None and any(s.lineno < place.line <= (s.end_lineno or s.lineno) for s in loops)


def names_in(node: ast.AST) -> set[str]:
    """The names (and ``self.attribute`` chains) that an expression reads."""
    found = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            found.add(child.id)
        elif isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name):
            found.add(f"{child.value.id}.{child.attr}")
    return found


def targets_of(statement: ast.stmt) -> set[str]:
    """The names that a statement binds, changes in place, or calls a method of."""
    found: set[str] = set()
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            found |= bound(target)
    elif isinstance(statement, (ast.AugAssign, ast.AnnAssign, ast.For, ast.AsyncFor)):
        found |= bound(statement.target)
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        if isinstance(function, ast.Attribute):
            found |= bound(function.value)
    return found


def bound(target: ast.AST) -> set[str]:
    """The names that an assignment's target binds or changes."""
    if isinstance(target, ast.Name):
        return {target.id}
    if isinstance(target, ast.Attribute):
        return {f"{target.value.id}.{target.attr}"} if isinstance(target.value, ast.Name) else bound(target.value)
    if isinstance(target, (ast.Subscript, ast.Starred)):
        return bound(target.value)
    if isinstance(target, (ast.Tuple, ast.List)):
        return set().union(*(bound(e) for e in target.elts)) if target.elts else set()
    return set()


def statements(node: FunctionNode) -> Iterator[ast.stmt]:
    """The statements of a function, in order, without those of functions inside it."""
    todo: list[ast.AST] = list(node.body) if not isinstance(node, ast.Lambda) else []
    while todo:
        item = todo.pop(0)
        if isinstance(item, ast.stmt):
            yield item
        if not isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            todo[:0] = [c for c in ast.iter_child_nodes(item) if isinstance(c, (ast.stmt, ast.excepthandler))]


def after(statement: ast.stmt, function: FunctionNode) -> list[ast.stmt]:
    """The statements that follow one in its own block."""
    for outer in ast.walk(function):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(outer, name, None)
            if isinstance(block, list) and statement in block:
                return list(block[block.index(statement) + 1 :])
    return []


def locals_of(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """The names that are a function's own: its parameters, and what it binds."""
    given = {each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)}
    stored = (
        n.id
        for s in statements(function)
        for n in ast.walk(s)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    )
    lent = {n for s in statements(function) if isinstance(s, (ast.Global, ast.Nonlocal)) for n in s.names}
    return given.union(stored) - lent


def binding(name: str, before: Span) -> Span | None:
    """Where the function around a place last bound a name on an earlier line: the bound expression."""
    function = function_at(before)
    if function is None or before.line is None:
        return None
    found = [
        s
        for s in statements(function)
        if isinstance(s, ast.Assign) and s.lineno < before.line and name in targets_of(s)
    ]
    return range_of(found[-1].value, before) if found else None


def bound_outside(name: str, place: Span) -> Span | None:
    """What a module binds to a name that the function around a place takes from there, if it does so once."""
    function, module = function_at(place), tree(place.file)
    if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and name in locals_of(function):
        return None
    found = [s for s in statements(module) if name in targets_of(s)] if module is not None else []
    return range_of(found[0].value, place) if len(found) == 1 and isinstance(found[0], ast.Assign) else None


def calls(function: ast.AST, name: str) -> list[ast.Call]:
    """The calls of a method of that name in a function, or another part of the text."""
    return [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
    ]


def holds_before(name: str, place: Span) -> bool:
    """Whether a name is certainly bound when a place is reached: a parameter, or an assignment on every way there."""
    function, here = function_at(place), statement_at(place)
    if function is None or here is None:
        return False
    given = function.args if not isinstance(function, ast.Module) else None
    if given is not None and any(name == each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)):
        return True
    return any(isinstance(s, ast.Assign) and name in targets_of(s) for s in _on_the_way(function, here))


def _on_the_way(function: FunctionNode, here: ast.stmt) -> Iterator[ast.stmt]:
    """The statements that have run when another is reached: those before it in its own and every outer block."""
    todo: list[ast.AST] = [function]
    while todo:
        outer = todo.pop()
        for name in ("body", "orelse", "handlers", "finalbody"):
            block: list[ast.stmt] = getattr(outer, name, None) or []
            for index, statement in enumerate(block):
                if statement is here or any(node is here for node in ast.walk(statement)):
                    yield from block[:index]
                    todo.append(statement)
