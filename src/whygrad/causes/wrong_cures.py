"""Popular cures that do not help: argued against only where the script, or the framework's own hint, leads to them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

from whygrad import source
from whygrad.causes.cause import Case
from whygrad.causes.once import once
from whygrad.flow import Flow
from whygrad.span import Span

# What a cure is told of: the parameter, and the cause that was found.
Cure = Callable[[Case, str], str | None]
_LISTS = frozenset(("trainable_variables", "variables", "trainable_weights", "weights"))
# What is to be known of a parameter that ``Parameter.awaited`` is true of.
AWAITED = (
    "`DistributedDataParallel` waits for the gradient of every parameter: its next forward pass raises `Expected to "
    "have finished reduction in the prior iteration`"
)


def argued(case: Case, cause: str) -> tuple[str, ...]:
    """One sentence for each wrong cure that lies near."""
    cures = CURES.get(case.graph.framework, ()) if case.parameter.asked and case.graph.request else ()
    return tuple(words for cure in cures if (words := cure(case, cause)) is not None)


def _compile_loss(case: Case, _cause: str) -> str | None:
    """Keras asks for a `loss` in `compile` whenever some of the gradients are missing, whoever computes the loss."""
    keras = case.graph.library == "keras" or (case.graph.framework == "tensorflow" and bool(case.graph.layers))
    if not keras or not _some_are_missing(case.flow) or case.parameter.gradient != "none":
        return None  # no Keras, or no hint of it
    if _called(case) in ("fit", "train_on_batch"):
        if not case.flow.influences(case.parameter.value):
            return None  # an output without a loss: the hint is right
        return "Keras' hint at a `loss` in `compile` does not help: the loss that is there depends on it already"
    function = source.function_at(case.graph.request[0])
    if not _by_hand(case) or function is None or _left_out(case):
        return None
    if any(source.calls(function, name) for name in ("compute_loss", "compiled_loss")):
        return None
    if not any(source.calls(function, name) for name in ("apply_gradients", "apply")):
        return None
    who = f"`{function.name}`" if isinstance(function, ast.FunctionDef) else "this loop"
    return f"Keras' hint at a `loss` in `compile` does not help: {who} computes its own loss and never uses that one"


@once
def _some_are_missing(flow: Flow) -> bool:
    return {p.gradient == "none" for p in flow.graph.parameters if p.asked} == {True, False}


def _hidden(case: Case, _cause: str) -> str | None:
    """Zeros in place of ``None``, or leaving ``None`` out: the message goes, the fault stays."""
    if not _by_hand(case) or case.parameter.gradient not in ("none", "zero", "present") or case.graph.error:
        return None
    test = _left_out(case)
    if test is not None:
        file, compared = test
        return (
            f"`{source.segment(file, compared)}` (line {compared.lineno}) only hides it: the parameter is passed over"
        )
    if _keyword(case.graph.request[0], "unconnected_gradients") is not None:
        return "`unconnected_gradients` only hides it: with zeros in place of `None` the parameter still does not learn"
    if case.parameter.gradient != "none" or not case.parameter.is_variable:
        return None
    return '`unconnected_gradients="zero"` would only hide it: the parameter does not learn from zeros'


def _watched(case: Case, cause: str) -> str | None:
    """`watch` of what comes after the parameter, of what is followed already, or of another tensor."""
    opened = case.graph.recording.opened
    function = source.function_at(opened) if opened is not None else None
    for call in source.calls(function, "watch") if function is not None else ():
        given = source.names_in(call.args[0]) if call.args else set()
        text = f"`{source.segment(opened.file, call)}` (line {call.lineno})" if opened is not None else ""
        if cause == "not-watched":
            if case.parameter.path not in given and not case.parameter.is_variable:
                return f"{text} watches another tensor"
        elif given & _after(case):
            return f"{text} gives that tensor a gradient, and none to what comes before it"
        elif case.parameter.is_variable and case.parameter.watched and _is_it(case, call, given):
            return (
                f"{text} adds nothing: the tape follows variables by itself, and what is broken is the way to the loss"
            )
    return None


def _persistent(case: Case, cause: str) -> str | None:
    """A tape that may be asked twice records no more than another."""
    opened = case.graph.recording.opened
    function = source.function_at(opened) if opened is not None else None
    if cause != "recording-off" or opened is None or function is None or not _by_hand(case):
        return None
    given = _keyword(opened, "persistent")
    once = len(source.calls(function, case.graph.api.rpartition(".")[2])) == 1
    if not (once and isinstance(given, ast.Constant) and given.value is True):
        return None
    return "`persistent=True` lets a tape be asked twice; it does not make it record more"


def _required(case: Case, _cause: str) -> str | None:
    """`requires_grad_` of the loss: a leaf that the backward pass begins and ends at."""
    function = source.function_at(case.graph.request[0])
    names = {case.graph.labels[t][0] for t in case.graph.targets if t in case.graph.labels}
    for call in source.calls(function, "requires_grad_") if function is not None else ():
        on = call.func.value if isinstance(call.func, ast.Attribute) else None
        given = call.args[0] if call.args else None
        off = isinstance(given, ast.Constant) and given.value is False
        if isinstance(on, ast.Name) and on.id in names and not off:
            text = source.segment(case.graph.request[0].file, call)
            return f"`{text}` (line {call.lineno}) only hides it: the backward pass begins there, and ends there"
    if "does not require grad" in (case.graph.error or "") and _by_hand(case):
        return "`requires_grad_(True)` on the loss would only hide it: the backward pass would end at the loss"
    return None


def _unused_allowed(case: Case, _cause: str) -> str | None:
    """`None` in place of torch's error."""
    if "appears to not have been used in the graph" in (case.graph.error or ""):
        return "`allow_unused=True`, which the error suggests, would only turn it into `None`"
    given = _keyword(case.graph.request[0], "allow_unused")
    if isinstance(given, ast.Constant) and given.value is True and case.parameter.gradient == "none":
        return "`allow_unused=True` only hides it: it turns torch's error into `None`"
    return None


def _detached(case: Case, cause: str) -> str | None:
    """`.detach()` where torch refuses `.numpy()`: its advice is for values to look at."""
    place = case.cuts[0].span if cause == "left-framework" and case.cuts else None
    node = source.node_at(place) if place is not None else None
    for call in ast.walk(node) if node is not None else ():
        inner = call.func.value if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr == "detach":
            return (
                "`.detach()`, which torch's error suggests, is for values to look at: on the way to a loss it is a cut"
            )
    return None


def _unused_found(case: Case, _cause: str) -> str | None:
    """``find_unused_parameters`` of a DistributedDataParallel around the model: its error suggests it."""
    if case.parameter.awaited:
        return (
            "`find_unused_parameters=True`, which that error suggests, would only keep the other processes from "
            "waiting for it: the parameter still does not learn"
        )
    given = _unused_passed(case.graph.request[0]) if case.parameter.awaited is False else None
    if given is None:
        return None
    return (
        f"`find_unused_parameters=True` (line {given.lineno}) only hides it: no process waits for the parameter, and "
        "it still does not learn"
    )


def _unused_passed(place: Span) -> ast.expr | None:
    """Where the program gives ``find_unused_parameters=True``."""
    program = source.tree(place.file)
    for call in ast.walk(program) if program is not None else ():
        for keyword in call.keywords if isinstance(call, ast.Call) else ():
            value = keyword.value
            if keyword.arg == "find_unused_parameters" and isinstance(value, ast.Constant) and value.value is True:
                return value
    return None


# The cures of each framework, in the order in which they are argued against.
CURES: Mapping[str, tuple[Cure, ...]] = {
    "tensorflow": (_compile_loss, _hidden, _watched, _persistent),
    "torch": (_compile_loss, _required, _unused_allowed, _unused_found, _detached),
}


def _called(case: Case) -> str | None:
    """The name of the function that the user's own line calls at the request."""
    node = source.node_at(case.graph.request[0])
    function = node.func if isinstance(node, ast.Call) else None
    return function.attr if isinstance(function, ast.Attribute) else None


def _by_hand(case: Case) -> bool:
    """Whether the user's own code asks for the gradient, rather than a library's."""
    return _called(case) == case.graph.api.rpartition(".")[2] and not case.graph.api.startswith("keras.")


def _keyword(call: Span, name: str) -> ast.expr | None:
    node = source.node_at(call)
    keywords = node.keywords if isinstance(node, ast.Call) else []
    return next((keyword.value for keyword in keywords if keyword.arg == name), None)


def _after(case: Case) -> set[str]:
    """The user's names for what stands between the parameter and the loss."""
    labels, parameter = case.graph.labels, case.parameter
    if not case.flow.influences(parameter.value):
        return set()
    named = {labels[edge.sink][0] for edge in case.flow.way(parameter.value) if edge.sink in labels}
    for cut in case.cuts:
        statement = source.statement_at(cut.span) if cut.span is not None else None
        named |= source.targets_of(statement) if statement is not None else set()
    return named - {parameter.path}


def _is_it(case: Case, call: ast.Call, given: set[str]) -> bool:
    argument = call.args[0] if call.args else None
    listed = isinstance(argument, ast.Attribute) and argument.attr in _LISTS
    return listed or case.parameter.path in given or case.parameter.holder in given


def _left_out(case: Case) -> tuple[str, ast.Compare] | None:
    """Where the function of the request leaves out the gradients that are ``None``: the file and the comparison."""
    place = case.graph.request[0]
    function, statement = source.function_at(place), source.statement_at(place)
    if function is None or statement is None:
        return None
    answers = source.targets_of(statement)
    for target, iterated, tests in _loops(function):
        if source.names_in(iterated) & answers or source.covers(iterated, place):
            for test in tests:
                if isinstance(test, ast.Compare) and _with_none(test) and source.names_in(test) & source.bound(target):
                    return place.file, test
    return None


def _loops(function: source.FunctionNode) -> Iterator[tuple[ast.expr, ast.expr, list[ast.expr]]]:
    """Every loop and comprehension: its target, what it runs over, and the conditions that leave something out."""
    for node in ast.walk(function):
        if isinstance(node, ast.comprehension):
            yield node.target, node.iter, node.ifs
        elif isinstance(node, ast.For):
            yield node.target, node.iter, [s.test for s in node.body if isinstance(s, ast.If) and _passes_over(s)]


def _passes_over(statement: ast.If) -> bool:
    """Whether an ``if`` steps over ``None``, rather than to complain of it."""
    if isinstance(statement.test, ast.Compare) and isinstance(statement.test.ops[0], ast.Is):
        return isinstance(statement.body[0], ast.Continue)
    return not statement.orelse


def _with_none(test: ast.Compare) -> bool:
    operand = test.comparators[0]
    return len(test.ops) == 1 and isinstance(operand, ast.Constant) and operand.value is None
