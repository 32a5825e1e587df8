"""Code that is given a value and leaves it out: a function that reads another part, a call that reads its shape."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from whygrad import source
from whygrad.causes.cause import in_package
from whygrad.span import Span

# What reads no more of its argument than its shape.
_SHAPES = frozenset("zeros_like ones_like full_like empty_like rand_like randn_like".split())
# What a library hands to a forward function beside its inputs.
_BESIDE = frozenset(("self", "training", "mask", "args", "kwargs"))


def ignored_inside(made: tuple[Span, ...], later: Iterable[tuple[Span, ...]]) -> Span | None:
    """Where the way to the loss goes on in a function that was given more than it reads, below the very same call.

    Args:
        made: the calls in which a value was made that nothing reads, innermost first; a library made it below that.
        later: the call stacks of what leads to the loss after it.
    """
    for stack in later:
        depth = next((n for n, span in enumerate(stack) if span.place() == made[0].place()), 0)
        inner = stack[0]
        around = [span.place() for span in stack[depth + 1 :]]
        if not depth or in_package(inner) or around != [span.place() for span in made[1:]][: len(around)]:
            continue
        function = source.function_at(inner)
        if isinstance(function, (ast.FunctionDef, ast.Lambda)) and _leaves_out(function):
            return inner
    return None


def shape_alone(dead: Span, held: set[str]) -> Span | None:
    """Where only the shape of a value is read: a call such as ``zeros_like``, if nothing else reads a name of it.

    Args:
        dead: where the value was made; ``held``: the names that hold it there.
    """
    function = source.function_at(dead)
    if function is None or in_package(dead):
        return None
    calls = (n for n in ast.walk(function) if isinstance(n, ast.Call) and n.args and _last_name(n.func) in _SHAPES)
    around = {id(call.args[0]): call for call in calls}
    first = -1 if source.is_repeated(dead) else dead.end_line or 0
    names = (n for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    loads = [n for n in names if n.id in held and n.lineno > first]
    if not loads or not all(id(n) in around for n in loads):
        return None
    return source.range_of(around[id(loads[0])], dead)


def _last_name(function: ast.expr) -> str:
    return str(getattr(function, "attr", getattr(function, "id", "")))


def _leaves_out(function: ast.FunctionDef | ast.Lambda) -> bool:
    """Whether a function takes apart what it is given, or is given several values, and never reads one of them."""
    given = {a.arg for a in (*function.args.posonlyargs, *function.args.args)} - _BESIDE
    names = {*given} if len(given) > 1 else set[str]()
    for statement in ast.walk(function):
        if isinstance(statement, ast.Assign) and source.names_in(statement.value) & given:
            names |= {n for t in statement.targets if isinstance(t, ast.Tuple) for n in source.bound(t)}
    read = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return bool({name for name in names if not name.startswith("_")} - read)
