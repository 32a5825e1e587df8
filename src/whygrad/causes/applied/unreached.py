"""Gradients that are asked for until the script ends, and no step of an optimizer ever."""

from __future__ import annotations

import ast
from dataclasses import replace

from whygrad import rewrite, source
from whygrad.causes.applied.plain import plain
from whygrad.causes.applied.unapplied import tell
from whygrad.causes.cause import ANY, Case, Explanation, spoken
from whygrad.causes.holder import is_unread
from whygrad.causes.words import Words
from whygrad.graph import Event
from whygrad.span import Span

_STEPS = ("apply_gradients", "minimize", "apply_updates")
# What hands it over.
_HANDING = {
    "jax": "`optimizer.update(..)` with `optax.apply_updates(..)`, `state.apply_gradients(grads=..)`",
    ANY: "`optimizer.apply_gradients(zip(gradients, variables))`",
}
_NEVER = Words(
    "no update made of it is ever applied",
    "the gradient ends here",
    "hand it to the optimizer: {detail}",
    "it was asked for until the script ended, an optimizer was made, and no update of one was applied",
    "warning",
)
_UNREACHED = Words(
    "`{code}` is never reached",
    "no step of the run came here",
    "look at the condition around it, and at who is to call it",
    "it was asked for until the script ended, an optimizer was made and never stepped, and nothing moved",
    "warning",
)
_UNUSED = Words(
    "the updates that `{code}` hands back are never applied",
    "this hands back updates, and leaves the parameters as they are",
    "add them to the parameters: `optax.apply_updates(params, {detail})`, bound to the name that the next step reads",
    "nothing reads them, no update was applied until the script ended, and nothing moved",
)

_UNTAKEN = Words(
    "`{code}` is never reached",
    "this stands in a branch that no step of the run took",
    "look at the condition of the branch: `tf.print` shows what it is worth",
    "the compiled step ran and gave gradients, this optimizer counts no step, and nothing moved",
    "warning",
)

_UNCALLED = Words(
    "`{code}` names a method and does not call it",
    "without brackets nothing runs here",
    "call it",
    "it stands on a line of its own, and no call of it was heard until the script ended",
)


def no_backward(case: Case, event: Event) -> Explanation | None:
    """Steps without any backward pass; the script may speak of one and not call it."""
    return _uncalled(case, event.span, "backward", set()) or plain(case, event)


def never_applied(case: Case, event: Event) -> Explanation | None:
    """No step was heard of; the script may speak of one in a branch that nothing takes."""
    step = _step_beside(event.span) if event.span is not None else None
    if step is not None:
        return tell(case, _UNREACHED, step)
    if case.graph.framework == "jax" and event.span is not None and (unused := _unused_updates(event.span)):
        place, name = unused
        return tell(case, _UNUSED, place, name)
    return tell(case, _NEVER, event.span, spoken(_HANDING, case))


def never_reached(case: Case, event: Event) -> Explanation | None:
    """The step stands in a branch of a compiled function."""
    return tell(case, _UNTAKEN, event.span)


def no_step(case: Case, event: Event) -> Explanation | None:
    """An optimizer that never steps, though the text of its file may speak of its step."""
    step = _own_step(event.span) if event.span is not None else None
    if step is not None:
        return tell(case, _UNREACHED, step)
    names = _bound_to(event.span) if event.span is not None else set()
    uncalled = _uncalled(case, event.span, "step", set(map(_last, names))) if names else None
    if uncalled is not None:
        return uncalled
    return plain(case, replace(event, note=names.pop() if len(names) == 1 else "optimizer"))


def _uncalled(case: Case, place: Span | None, method: str, names: set[str]) -> Explanation | None:
    """Where a method is named on a line of its own in the file of a place.

    Args:
        names: of what it is a method; empty for anything.
    """
    module = source.tree(place.file) if place is not None else None
    for node in ast.walk(module) if module is not None else ():
        value = node.value if isinstance(node, ast.Expr) else None
        if isinstance(value, ast.Attribute) and value.attr == method and place is not None:
            at = source.range_of(value, place)
            if at is not None and (not names or {_last(name) for name in source.bound(value.value)} & names):
                return tell(case, _UNCALLED, at, edits=rewrite.called(at))
    return None


def _own_step(made: Span) -> Span | None:
    """The step of the optimizer that is made at a place, by its own name: there, or where it is handed on."""
    module, names = source.tree(made.file), {_last(name) for name in _bound_to(made)}
    for call in source.calls(module, "step") if module is not None and names else ():
        assert isinstance(call.func, ast.Attribute)
        place = source.range_of(call, made)
        named = {_last(name) for part in (call.func.value, *call.args) for name in source.bound(part)} & names
        if named and place is not None and not _is_anothers(named, place, made):
            return place
    return None


def _is_anothers(names: set[str], place: Span, made: Span) -> bool:
    """Whether another function than that of an optimizer binds the names itself."""
    function = source.function_at(place)
    if function is None or function is source.function_at(made):
        return False
    bound = [source.targets_of(s) for s in source.statements(function) if isinstance(s, ast.Assign)]
    return any(not names.isdisjoint(each) for each in bound)


def _bound_to(made: Span) -> set[str]:
    """What the statement around a place binds to what is made there, one of several perhaps."""
    statement = source.statement_at(made)
    if not isinstance(statement, ast.Assign):
        return set()
    target, value = statement.targets[0], statement.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        pairs = zip(target.elts, value.elts, strict=True)
        return set().union(*(source.bound(name) for name, one in pairs if source.covers(one, made)))
    return source.targets_of(statement)


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _unused_updates(place: Span) -> tuple[Span, str] | None:
    """Where the file of a place takes updates from an optimizer and reads them nowhere, and their name."""
    module = source.tree(place.file)
    for call in source.calls(module, "update") if module is not None else ():
        at = source.range_of(call, place)
        statement = source.statement_at(at) if at is not None else None
        bound = statement.targets[0] if isinstance(statement, ast.Assign) and statement.value is call else None
        first = bound.elts[0] if isinstance(bound, ast.Tuple) and len(bound.elts) > 1 else None
        if at is not None and isinstance(first, ast.Name) and is_unread(at, {first.id}):
            return at, first.id
    return None


def _step_beside(place: Span) -> Span | None:
    """The optimizer's step that the function around a place has in a branch."""
    function = source.function_at(place)
    branches = [node for node in ast.walk(function) if isinstance(node, ast.If)] if function is not None else []
    steps = [call for branch in branches for name in _STEPS for call in source.calls(branch, name)]
    return source.range_of(steps[0], place) if steps else None
