"""What the gradient is asked of looks like what the loss came from: another pass, another tensor, another model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from whygrad import rewrite, source
from whygrad.causes.cause import TRAINED, Case, Explanation, alone, quoted, seen_from, spoken
from whygrad.causes.learning import trained, unasked
from whygrad.causes.once import once
from whygrad.finding import Fix, Label, Proof
from whygrad.flow import Flow
from whygrad.graph import Op, Parameter
from whygrad.span import Span

# Frameworks whose backward pass leaves a gradient on leaves, and on nothing else.
_KEEPS_LEAVES = frozenset(("torch",))
# An object that holds a list of variables is no model by that.
_HOLDER = "`self`"


def at_request(
    case: Case,
    reason: str,
    label: str,
    fix: str,
    proof: str,
    *more: Label,
    place: Span | None = None,
    edits: rewrite.Edits = rewrite.NONE,
) -> Explanation | None:
    """An explanation that blames the gradient call, or a better place."""
    if place is None:
        place = case.graph.request[0] if case.graph.request else None
    if place is None:
        return None
    labels = (Label(place, label), *more)
    return Explanation(reason, place, labels, alone(case), fix=Fix(fix, edits), proof=Proof("structural", True, proof))


def other_pass(case: Case) -> Explanation | None:
    """A tensor of one forward pass, and a loss of another."""
    parameter, flow = case.parameter, case.flow
    if parameter.is_variable or parameter.value < 0 or flow.influences(parameter.value):
        return None
    op = case.graph.value_op[parameter.value]
    if op < 0:
        return None
    made = case.graph.op(op)
    twin = next(
        (o for o in case.graph.ops() if o.id != op and _same_work(made, o) and flow.influences(o.outputs[0])), None
    )
    if twin is None:
        return None
    more = [Label(made.span, f"{quoted(parameter.name)} comes from this forward pass")] if made.span else []
    other = twin.span if twin.span is not None and made.span is not None and twin.span != made.span else None
    if other is not None and case.graph.request:
        more.append(Label(case.graph.request[0], f"asked here of this {quoted(parameter.name)}"))
    return at_request(
        case,
        "the loss was computed in another forward pass than it",
        "the loss comes from this other forward pass"
        if other
        else f"the loss does not come from {quoted(parameter.name)}",
        f"compute the loss from {quoted(parameter.name)} itself, in one forward pass",
        "the same computation ran twice, and only the other run leads to the loss",
        *more,
        place=other,
    )


def other_tensor(case: Case) -> Explanation | None:
    """A tensor that the loss was not computed from, such as a slice taken of what the model did get."""
    parameter = case.parameter
    if parameter.is_variable or parameter.value < 0 or case.flow.influences(parameter.value):
        return None
    if parameter.dtype.startswith(("int", "uint", "bool", "string")):
        return None
    made = parameter.made() or (source.binding(parameter.path, case.graph.request[0]) if case.graph.request else None)
    return at_request(
        case,
        "the loss is not computed from it",
        f"the loss does not come from {quoted(parameter.name)}",
        f"compute the loss from {quoted(parameter.name)} itself",
        "it was recorded, and no operation leads from it to the loss",
        *([Label(made, f"{quoted(parameter.name)} is made here")] if made is not None else []),
    )


def _same_work(one: Op, other: Op) -> bool:
    layers = [op.scope.rsplit("/", 1)[-1] for op in (one, other)]
    return bool(layers[0]) and layers[0] == layers[1] and one.name == other.name and bool(other.outputs)


def computed(case: Case) -> Explanation | None:
    """A computed tensor, where the backward pass keeps the gradients of leaves only."""
    parameter, graph = case.parameter, case.graph
    if graph.framework not in _KEEPS_LEAVES or not graph.api.endswith("backward"):
        return None
    made = parameter.made()
    if parameter.is_variable or made is None or not case.flow.alive(parameter):
        return None
    # Where a function made it, the one that asks has put it in the leaf's place.
    asks = graph.request[0] if graph.request else made
    place = next((s for s in made.stack() if (s.file, s.function) == (asks.file, asks.function)), made)
    return at_request(
        case,
        "it is the result of an operation, and `backward` keeps the gradients of leaves only",
        "computed here: no leaf",
        f"call `{parameter.path}.retain_grad()` before the backward pass, or ask for the gradient of the leaf",
        "a gradient reaches it, and none is kept for it",
        *([Label(graph.request[0], "the backward pass that keeps none of it")] if graph.request else []),
        place=place,
    )


def twin(case: Case) -> Explanation | None:
    """The variables of another network, of the same build or beside it: the one that ran is asked for by nobody."""
    if not case.parameter.is_variable or (trained(case.flow) and not _stands_in(case.flow, case.asked)):
        return None
    kinds = {cut.barrier.kind for cut in case.cuts}
    # A stop on top of that says that what went on unrecorded is a target; a stop alone may be in the wrong place.
    if kinds not in (set(), {"recording-off"}, {"recording-off", "stop-gradient"}) or _is_dropped(case):
        return None  # somebody cut the way on purpose or by an operation, or dropped the result: the nearer cause
    ran = unasked(case.flow, case.asked)
    if not ran or not (_is_same_build(case.flow, case.asked) or _is_beside(case)):
        return None
    words, held = spoken(TRAINED, case), case.parameter.place_of("held")
    if held is not None:
        return _held_twin(case, held, ran)
    name, meant = quoted(_model(ran, case.parameter)), quoted(_model([case.parameter], ran[0]))
    other = f", or compute the loss with {meant}" if meant not in (name, _HOLDER) else ""
    called = next(iter(_calls(case, ran[0])), None)
    return at_request(
        case,
        f"the loss comes from {name}, and the gradient is asked of another model",
        f"the loss does not come from these {words}",
        f"ask for the {words} of {name}{other}",
        f"a gradient reaches the other model's {words}, which nobody asks for",
        *([Label(called, f"the loss is computed with {name} here")] if called is not None else []),
    )


def _calls(case: Case, ran: Parameter) -> Iterator[Span]:
    """Where the function that asks, or makes the loss, runs the model of a parameter."""
    for op in case.flow.recorded_readers(ran.value):
        place = seen_from(case.graph.op(op).stack, case.graph.request[0] if case.graph.request else None)
        if place is not None and any(map(case.flow.carries, case.graph.outputs(op))):
            yield place


def _held_twin(case: Case, held: Span, ran: Sequence[Parameter]) -> Explanation | None:
    """The same where it is an optimizer that asks: it was given the parameters of another model, or a copy."""
    name, is_model = quoted(_model(ran, case.parameter)), ran[0].is_variable
    other, meant = "the parameters of another model" if is_model else "another tensor", _model([case.parameter], ran[0])
    given = f"the parameters of {name}" if is_model else f"{name} itself"
    return at_request(
        case,
        f"the loss comes from {name}, and the optimizer holds {other}",
        "the loss does not come from what this optimizer is given",
        f"give the optimizer {given}, or compute the loss with {quoted(meant)}",
        f"a gradient reaches {'the other model' if is_model else 'the other tensor'}, which no optimizer holds",
        *(Label(span, f"this loss comes from {name}") for span in case.graph.request[:1]),
        place=held,
    )


def _is_dropped(case: Case) -> bool:
    """Whether the parameter was used in the forward pass of the loss, and nothing that came of it leads there."""
    value = case.parameter.value
    if value < 0 or case.flow.influences(value):
        return False
    return any(op >= case.opened for op in case.flow.recorded_readers(value))


def _is_beside(case: Case) -> bool:
    """Whether what went on unrecorded meets the network that ran only in the loss, as a target does.

    Were it what that network is applied to, the recording would be what is missing.
    """
    if not case.cuts:
        return False
    ran = _values(case.flow, case.asked)
    for edge in case.flow.way(case.parameter.value):
        others = [v for v in case.graph.inputs(edge.op) if v != edge.source] if edge.op >= 0 else []
        made = [case.graph.value_op[v] for v in others]
        read = [case.graph.inputs(op) for op in made if op >= 0]
        if ran.intersection(others) or any(len(one) == 1 and one[0] in ran for one in read):
            return False
    return True


@once
def _is_same_build(flow: Flow, asked: frozenset[str]) -> bool:
    """Whether what ran has the shapes of what is asked for, but for a lesser part that may be frozen."""
    own = Counter(p.shape for p in flow.graph.parameters if p.asked)
    ran = Counter(p.shape for p in unasked(flow, asked))
    return ran <= own and 2 * ran.total() > own.total()


@once
def _stands_in(flow: Flow, asked: frozenset[str]) -> bool:
    """Whether just what would have the place of all that is asked for in vain is asked for by nobody."""
    lost = Counter(p.shape for p in flow.graph.parameters if p.asked and not flow.alive(p))
    held = all(p.place_of("held") is not None for p in flow.graph.parameters if p.asked)
    return held and lost.total() > 1 and lost == Counter(p.shape for p in unasked(flow, asked))


@once
def _values(flow: Flow, asked: frozenset[str]) -> frozenset[int]:
    return frozenset(p.value for p in unasked(flow, asked))


def _model(parameters: Sequence[Parameter], other: Parameter) -> str:
    """What to call the model of some parameters: so much of their path as the model of another one does not share."""
    first = parameters[0]
    if not first.is_variable:
        return first.name
    root, theirs = _root(first), other.holder or other.path
    parts = (first.holder or first.path).split(".")
    names = (".".join(parts[:length]) for length in range(1, len(parts)))
    return root if root != _root(other) else next((n for n in names if not f"{theirs}.".startswith(f"{n}.")), root)


def _root(parameter: Parameter) -> str:
    return (parameter.holder or parameter.path).split(".")[0].split("[")[0].split("/")[0]
