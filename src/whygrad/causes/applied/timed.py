"""Whether a call whose result nobody reads was to change anything: it may be there for its time only."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from whygrad import source
from whygrad.causes.holder import is_unread
from whygrad.span import Span

_CLOCKS = frozenset(("time", "timeit"))
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
# So many statements before and after a loop belong to it.
_NEAR = 2


def may_be_timed(place: Span) -> bool:
    """Whether a call may be a warm-up, or be made for the time that it takes.

    It is not if what it was given is read in the loops around as well, or after them without a clock in sight: somebody
    expects it to have changed then. Nor is it where the function around it is called for something else that it gives.

    Args:
        place: the call, with those around it; nobody reads what it gives.
    """
    around = (place, *place.called_from)
    if _is_read_elsewhere(place):
        return True
    if any(_is_given_elsewhere(at, within=True) for at in around):
        return False
    if any(map(has_clock, around)):
        return True
    return not _gives_something_else(place) and not any(_is_given_elsewhere(at, within=False) for at in around)


def _gives_something_else(place: Span) -> bool:
    """Whether a name that nobody reads takes the result, and what the function around gives is read by its caller."""
    here, function = source.statement_at(place), source.function_at(place)
    caller = next(iter(place.called_from), None)
    if not isinstance(here, ast.Assign) or not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    returns = any(isinstance(s, ast.Return) and s.value is not None for s in source.statements(function))
    taken = source.statement_at(caller) if caller is not None else None
    if caller is None or taken is None or not returns:
        return False
    return not isinstance(taken, ast.Expr) and not is_unread(caller, source.targets_of(taken))


def _is_read_elsewhere(place: Span) -> bool:
    """Whether what another call of the same function gives is read: this one is a warm-up, then."""
    call, module = source.node_at(place), source.tree(place.file)
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or module is None:
        return False
    alone = {node.value for node in ast.walk(module) if isinstance(node, ast.Expr)} | {call}
    others = (node for node in ast.walk(module) if isinstance(node, ast.Call) and node not in alone)
    return any(isinstance(node.func, ast.Name) and node.func.id == call.func.id for node in others)


def _is_given_elsewhere(place: Span, within: bool) -> bool:
    """Whether something that a call is given, and that stays the same in the loops around, is read elsewhere.

    Args:
        within: in these loops; otherwise after the call.
    """
    call, here, function = source.node_at(place), source.statement_at(place), source.function_at(place)
    if not isinstance(call, ast.Call) or here is None or function is None:
        return False
    loops = _loops(function, here)
    inner = {s for loop in loops for s in ast.walk(loop) if isinstance(s, ast.stmt)}
    imported = _imported(place)
    kept = {name for name in _given(call) if name.split(".")[0] not in imported}
    wanted = kept - {name for s in inner for name in _made(s)}
    others = [s for s in source.statements(function) if s is not here and s not in loops]
    chosen = [s for s in others if (s in inner if within else s.lineno > here.lineno)]
    return any(source.names_in(e) & wanted for s in chosen for e in _expressions(s))


def _given(call: ast.Call) -> set[str]:
    """The names that a call gets as arguments, or whose method it is."""
    parts = [*call.args, *(keyword.value for keyword in call.keywords)]
    if isinstance(call.func, ast.Attribute):
        parts.append(call.func.value)
    return set().union(*map(source.names_in, parts)) if parts else set()


def _made(statement: ast.stmt) -> set[str]:
    return set() if isinstance(statement, ast.Expr) else source.targets_of(statement)


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """What a statement itself reads, without the statements inside it."""
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield from (c for c in ast.iter_child_nodes(statement) if isinstance(c, (ast.expr, ast.withitem)))


def _imported(place: Span) -> set[str]:
    module = source.tree(place.file)
    found = ast.walk(module) if module is not None else ()
    return {a.asname or a.name for n in found if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names}


def has_clock(place: Span) -> bool:
    """Whether a clock of the standard library is read in the loops around a place, or next to them."""
    module, function, here = source.tree(place.file), source.function_at(place), source.statement_at(place)
    if module is None or function is None or here is None:
        return False
    clocks = {name for node in ast.walk(module) for name in _clocks(node)}
    loops = _loops(function, here)
    near = [*loops, *_beside(function, loops[0] if loops else here)]
    return any(isinstance(n, ast.Name) and n.id in clocks for statement in near for n in ast.walk(statement))


def _clocks(node: ast.AST) -> Iterator[str]:
    """The names under which a module imports clocks."""
    if isinstance(node, ast.Import):
        yield from (a.asname or a.name for a in node.names if a.name in _CLOCKS)
    elif isinstance(node, ast.ImportFrom) and node.module in _CLOCKS:
        yield from (a.asname or a.name for a in node.names)


def _beside(function: source.FunctionNode, outer: ast.stmt) -> list[ast.stmt]:
    """The statements just before and just after one, in its block."""
    for node in ast.walk(function):
        for name in ("body", "orelse", "handlers", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and outer in block:
                at = block.index(outer)
                return [s for s in block[max(0, at - _NEAR) : at + _NEAR + 1] if s is not outer]
    return []


def _loops(function: source.FunctionNode, here: ast.stmt) -> list[ast.stmt]:
    """The loops around a statement of a function, the outermost first."""
    return [s for s in source.statements(function) if isinstance(s, _LOOPS) and any(n is here for n in ast.walk(s))]
