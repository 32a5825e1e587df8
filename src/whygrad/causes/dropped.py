"""A value that nothing reads: where it was made, and where the way to the loss goes on without it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from whygrad import source
from whygrad.causes.cause import Case, in_package, loss_span
from whygrad.causes.handing import alike, chosen, handed_to, is_within, outside, together
from whygrad.causes.holder import along, holder, is_lent, is_unread, lets_go
from whygrad.causes.ignored import ignored_inside, shape_alone
from whygrad.causes.once import once
from whygrad.causes.parts import doubled, other_part
from whygrad.flow import Flow
from whygrad.graph import Graph
from whygrad.span import Span


def stack_of(case: Case, value: int | None) -> tuple[Span, ...]:
    """The calls in which a value was made, innermost first."""
    return _stack(case.graph, value) if value is not None else ()


def _stack(graph: Graph, value: int) -> tuple[Span, ...]:
    op = graph.value_op[value]
    return graph.stacks[graph.op_stack[op]] if op >= 0 else ()


def takes_another(case: Case, end: int | None, stack: tuple[Span, ...]) -> tuple[Span | None, Span | None]:
    """Where the loss path goes on without a value, and where the value was made, both in one function.

    Args:
        end: a value that nothing on the way to the loss reads.
        stack: the calls in which it was made.
    """
    if end is None or not stack:
        return loss_span(case.graph), None
    later = list(_loss_path(case, case.graph.value_op[end]))
    if _overwritten(case, end, stack[0], later):
        return stack[0], None
    part = other_part(stack[0]) or _rebound(stack[0], later)
    if part is not None:
        return part, stack[0]
    inside = ignored_inside(stack, later)
    if inside is not None:
        return inside, stack[0]
    instead = _handed_back_instead(stack, later)
    if instead is not None:
        return instead, stack[0]
    dead, held = holder(case, end, stack)
    if not together(dead, stack[0]) and (twice := doubled(stack[0])) is not None:
        return twice, stack[0]
    if is_let_go(dead):
        return dead, dead
    shape = shape_alone(dead, held)
    if shape is not None:
        return shape, dead
    back = handed_back(case, dead, held, stack)
    if back is not None and _beside(dead, held, later, outside(dead, stack)) is None:
        return back, dead
    if _goes_nowhere(dead, held, _beside(dead, held, later, outside(dead, stack))):
        return dead, dead
    given = handed_to(dead, stack, later)
    if given is not None:
        return given, dead
    # Where a library stands between the function and the holder, the function itself may know better.
    for made, names in ((dead, held), *along(stack)):
        place = _beside(made, names, later, outside(made, stack))
        if place is not None and (_takes_part(place) or not is_within(place, made)):
            return place, made
    if lets_go(dead, held):
        return dead, None
    mine = {s.function for s in stack}
    own = next(
        (chosen([s for s in taken if s.function not in mine]) for taken in later if taken[0].function not in mine), None
    )
    return (own or loss_span(case.graph)), dead


def is_let_go(dead: Span) -> bool:
    """Whether a call on a line of its own gives a value, which nobody takes."""
    statement = source.statement_at(dead) if not in_package(dead) else None
    return isinstance(statement, ast.Expr) and source.node_at(dead) is statement.value


def _handed_back_instead(stack: tuple[Span, ...], later: list[tuple[Span, ...]]) -> Span | None:
    """The one expression that a function hands back, if it was computed in this run without the value.

    By its text it may hold the value all the same, by way of a branch that was not taken.
    """
    statement = source.statement_at(stack[0])
    held = source.targets_of(statement) if isinstance(statement, ast.Assign) and not in_package(stack[0]) else set()
    place = _beside(stack[0], held, later, outside(stack[0], stack)) if held else None
    back = source.statement_at(place) if place is not None and together(place, stack[0]) else None
    return place if isinstance(back, ast.Return) and not isinstance(back.value, ast.Tuple | ast.Dict) else None


def handed_back(case: Case, dead: Span, held: set[str], stack: tuple[Span, ...]) -> Span | None:
    """What the function around a dead value hands back in its place, where that is one expression and leads on.

    Where the function makes the loss, the place of that.

    Args:
        dead: where the function made the value that it keeps to itself; ``held``: the names that hold it.
        stack: the calls in which it was made, innermost first.
    """
    function = source.function_at(dead)
    if in_package(dead) or isinstance(function, (ast.Module, ast.Lambda)) or function is None:
        return None
    returns = [s for s in source.statements(function) if isinstance(s, ast.Return) and s.value is not None]
    ahead = [s.value for s in returns if s.value is not None and s.lineno > (dead.line or 0)]
    made = [span for target in case.graph.targets for span in stack_of(case, target) if together(span, dead)]
    if made:
        return made[0]  # the loss was there before the value
    if len(ahead) != 1 or held & source.names_in(ahead[0]):
        return None
    arguments = {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
    passed = isinstance(ahead[0], ast.Name) and ahead[0].id in arguments
    leads = _leads_on(case, dead) or (passed and _passes_on(case.flow, dead, stack))
    return source.range_of(ahead[0], dead) if leads else None


@once
def _passes_on(flow: Flow, dead: Span, stack: tuple[Span, ...]) -> bool:
    """Whether what the function around a dead value was given leads on to the loss, and its caller takes the result."""
    caller = next((s for n, s in enumerate(stack) if n and together(stack[n - 1], dead)), None)
    statement = source.statement_at(caller) if caller is not None and not in_package(caller) else None
    if caller is not None and statement is not None and is_unread(caller, source.targets_of(statement)):
        return False
    graph, around = flow.graph, outside(dead, stack)
    parameters = {p.value for p in graph.parameters}
    inside = (n for n in range(len(graph)) if _is_inside(graph.stacks[graph.op_stack[n]], dead, around))
    given = (v for op in inside for v in graph.inputs(op) if not any(together(s, dead) for s in _stack(graph, v)))
    return any(flow.carries(value) for value in given if value not in parameters)


def _is_inside(stack: tuple[Span, ...], dead: Span, around: list[object]) -> bool:
    """Whether something ran in the same run of a dead value's function."""
    return any(together(span, dead) and alike(outside(span, stack), around) for span in stack)


def _goes_nowhere(dead: Span, held: set[str], beside: Span | None) -> bool:
    """Whether a value is let go of where it is made, and what comes after it is not there in its place.

    Args:
        held: the names that hold it; ``beside``: where the way to the loss goes on.
    """
    if in_package(dead):
        return False
    statement = source.statement_at(dead)
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Call)  # `x + bias` on a line of its own
    if beside is None or not together(beside, dead) or not is_unread(dead, held):
        return False
    return not _share(beside, dead, held)


def _share(one: Span, other: Span, held: set[str]) -> bool:
    """Whether two statements of a function are made of one value: the first may stand in the second's place, then."""
    instead, dead = source.statement_at(one), source.statement_at(other)
    if instead is None or dead is None or isinstance(getattr(dead, "value", None), ast.Tuple):
        return True
    bound, taken = source.targets_of(dead), _values_read(getattr(instead, "value", None), one)
    if taken & (bound - held):
        return True  # another part of what the same call gave
    return bool((taken - bound - held) & _values_read(getattr(dead, "value", None), one))


def _values_read(node: ast.AST | None, place: Span) -> set[str]:
    """The variables of a function that an expression reads as a whole, not for a part that has a name or a number."""
    function = source.function_at(place)
    if node is None or function is None:
        return set()
    given = (
        set()
        if isinstance(function, ast.Module)
        else {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
    )
    known = given.union(*(source.targets_of(s) for s in source.statements(function))) - {"self"}
    parts = {id(n.value) for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    parts |= {id(n.value) for n in ast.walk(node) if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant)}
    called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    names = (n for n in ast.walk(node) if isinstance(n, ast.Name) and id(n) not in parts | called)
    return {n.id for n in names} & known


def _leads_on(case: Case, dead: Span) -> bool:
    """Whether something else that the function computes reaches the loss."""
    graph, flow = case.graph, case.flow
    ops = (op for op in range(len(graph)) if any(flow.carries(value) for value in graph.outputs(op)))
    return any(together(span, dead) for op in ops for span in graph.stacks[graph.op_stack[op]])


def _takes_part(place: Span) -> bool:
    """Whether an expression computes with one part of an object: what is dropped may be another."""
    node = source.node_at(place)
    return node is not None and is_lent(node)


def _beside(dead: Span, held: set[str], later: list[tuple[Span, ...]], around: list[object]) -> Span | None:
    """The first place in this run of a dead value's function at which the way to the loss goes on."""
    for taken in later:
        place = next((s for s in taken if together(s, dead)), None)
        if place is not None and not alike(outside(place, taken), around):
            continue  # another layer of the same kind
        if place is not None and place.place() != dead.place():
            # An expression that is given the value and still does not use it drops it further inside.
            node = source.node_at(place)
            inside = node is not None and held & source.names_in(node)
            return taken[0] if inside else place
    return None


def _overwritten(case: Case, end: int, place: Span, later: list[tuple[Span, ...]]) -> bool:
    """Whether a loop's next turn, which leads to the loss, binds the name anew without having read this value."""
    statement = source.statement_at(place)
    if not isinstance(statement, ast.Assign) or in_package(place) or not source.is_repeated(place):
        return False
    if any(span.place() == place.place() for target in case.graph.targets for span in stack_of(case, target)):
        return False  # the loss is made in the very same call
    if _is_part(case, end, statement) and not _comes_back(case.graph, case.graph.value_op[end], place):
        return False  # the other parts of what the same call gives
    again = any(span.place() == place.place() for stack in later for span in stack)
    return again and not source.names_in(statement.value) & source.targets_of(statement)


def _is_part(case: Case, value: int, statement: ast.Assign) -> bool:
    """Whether a value is one of several that a call gives."""
    name = case.graph.labels.get(value, ("", ""))[0]
    return name.endswith("]") or any(isinstance(target, ast.Tuple) for target in statement.targets)


def _comes_back(graph: Graph, first: int, place: Span) -> bool:
    """Whether the program leaves a place after an operation, and comes back to it."""
    away = False
    for op in range(first, len(graph)):
        stack = graph.stacks[graph.op_stack[op]]
        here = any(span.place() == place.place() for span in stack)
        if away and here:
            return True
        away = away or bool(stack and not here)
    return False


def _rebound(place: Span, later: list[tuple[Span, ...]]) -> Span | None:
    """What the name of a value is bound to before anybody has read it, further on in its block, where that leads on."""
    statement, function = source.statement_at(place), source.function_at(place)
    if not isinstance(statement, ast.Assign) or function is None or in_package(place):
        return None
    [target, *others] = statement.targets
    for following in source.after(statement, function) if isinstance(target, ast.Name) and not others else ():
        if not isinstance(target, ast.Name) or target.id not in source.names_in(following):
            continue
        if not isinstance(following, ast.Assign) or target.id in source.names_in(following.value):
            return None
        leads = any(together(s, place) and source.covers(following.value, s) for stack in later for s in stack)
        again = any(isinstance(one, ast.Name) and one.id == target.id for one in following.targets)
        return source.range_of(following.value, place) if leads and again else None
    return None


def _loss_path(case: Case, first: int) -> Iterator[tuple[Span, ...]]:
    """The call stacks of what ran after an operation and carries other parameters to the loss."""
    graph, flow = case.graph, case.flow
    for op in range(first + 1, len(graph)):
        stack = graph.stacks[graph.op_stack[op]]
        if stack and any(value in flow.fed and flow.carries(value) for value in graph.outputs(op)):
            yield stack
