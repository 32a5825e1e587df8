"""A value of which Python takes a number, or a yes or no, that only decides what is computed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from whygrad import source
from whygrad.causes.cause import Case, Explanation, in_package
from whygrad.causes.once import once
from whygrad.causes.words import Words, explained
from whygrad.finding import Label, Step
from whygrad.flow import Flow
from whygrad.graph import Crossing
from whygrad.span import Span

# A yes or no, and a place among others, have no derivative themselves; any other number has lost it on leaving.
KINDS = {True: "left-framework", False: "non-differentiable-op"}
_BLOCKS = (ast.If, ast.While, ast.For, ast.AsyncFor)
_WORDS = Words(
    "`{code}` only decides in Python what is computed, and nothing of it takes part in the numbers",
    "Python takes a number, or a yes or no, of it here",
    "let it take part in the computation: weight the results of all choices with it, or learn it from a score of the "
    "choice",
    "it was read, Python took a number of what came of it, and on the way to the loss nothing else of it is read",
    again="and that decides here what runs",
)


def choosing(case: Case, kind: str | None = None) -> Explanation | None:
    """The departure that decides, where that is all that came of a parameter.

    Args:
        kind: the cause that asks; ``None`` for any.
    """
    value = case.parameter.value
    if value < 0 or case.flow.influences(value) or case.graph.target_text is not None or case.graph.error is not None:
        return None
    influenced = set(case.flow.forward([value]))
    for departure, place, decides in _deciding(case.flow, case.opened):
        number = case.graph.value(departure.value).dtype.startswith(("float", "bfloat"))
        if departure.value in influenced and kind in (None, KINDS[number and departure.how != "__bool__"]):
            labels = [Label(decides, _WORDS.again)] if decides.line != place.line else []
            chain = (Step("parameter", case.parameter.name, case.parameter.made()), Step("cut", "[..]", place))
            return explained(_WORDS, place, chain, *labels)
    return None


@once
def _deciding(flow: Flow, opened: int) -> tuple[tuple[Crossing, Span, Span], ...]:
    """The departures by which the script decides what leads to the loss: each, its place, and where it decides."""
    found = []
    for departure in flow.graph.departures:
        place = next((span for span in departure.stack if not in_package(span)), None)
        if departure.seq >= opened and place is not None:
            for decides in _decisions(place):
                if _leads_on(flow, departure, decides):
                    found.append((departure, place, decides))
                    break
    return tuple(found)


def _decisions(place: Span) -> Iterator[Span]:
    """Where the function around a departure decides by it: a condition, a number of turns, an index."""
    function, statement = source.function_at(place), source.statement_at(place)
    if function is None or statement is None:
        return
    names = source.targets_of(statement) if isinstance(statement, ast.Assign) else set()
    for other in source.statements(function):
        asked = next(iter(_asked(other)), None)
        if asked is None:
            continue
        inside = other is statement and any(source.covers(one, place) for one in _asked(other))
        if inside or (other.lineno > statement.lineno and any(names & source.names_in(one) for one in _asked(other))):
            found = source.range_of(other, place)
            if found is not None:
                yield found


def _asked(statement: ast.stmt) -> list[ast.expr]:
    """The expressions of a statement that decide what it computes."""
    if isinstance(statement, (ast.If, ast.While)):
        return [statement.test]
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        return [statement.iter]
    nodes = list(ast.walk(statement)) if not hasattr(statement, "body") else []
    tests = [n.test for n in nodes if isinstance(n, ast.IfExp)]
    # An index chooses what is called; one into a tensor is an operand.
    chosen = [n.func.slice for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Subscript)]
    return [*tests, *chosen]


def _leads_on(flow: Flow, departure: Crossing, decides: Span) -> bool:
    """Whether something that leads to the loss runs after a departure and inside of what is decided.

    What an index chooses to call may run nothing at all.
    """
    graph, statement = flow.graph, source.statement_at(decides)
    if statement is not None and not isinstance(statement, _BLOCKS) and not _has_tests(statement):
        return True
    for op in range(departure.seq, len(graph)):
        if any(flow.carries(value) for value in graph.outputs(op)):
            for span in graph.stacks[graph.op_stack[op]]:
                if (span.file, span.function) == (decides.file, decides.function) and _within(span, decides):
                    return True
    return False


def _has_tests(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.IfExp) for node in ast.walk(statement))


def _within(span: Span, decides: Span) -> bool:
    return (decides.line or 0) <= (span.line or 0) <= (decides.end_line or 0)
