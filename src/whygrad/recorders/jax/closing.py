"""Closes a request: one Graph of what its function did, and what each array among its arguments is in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from whygrad.graph import Barrier, Event, Fault, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.jax.asked import Request
from whygrad.recorders.jax.faults import UNKNOWN, fault_of
from whygrad.recorders.jax.keras import Keras
from whygrad.recorders.jax.ops import is_float
from whygrad.recorders.jax.parameters import Named, is_state, owner
from whygrad.recorders.jax.trace import Leaf, Trace
from whygrad.recorders.reaching import carried, leading_to

# What is said of a derivative that is the same whatever the parameters are.
CONSTANT = "its derivative is constant"

SWAPPED = "what the function hands back second leads to them: `has_aux=True` takes the first for the loss"


ARGNUMS = "`argnums` asks for `{}`, which has no way to the loss; `{}`, which comes before it, has one"


def close(request: Request, keras: Keras, elsewhere: Callable[[BaseException], Fault | None]) -> Graph | None:
    """The Graph of a request, ``None`` where nothing is known of it.

    Args:
        keras: knows which parameters are Keras' variables.
        elsewhere: knows what an error is about that comes from before the request.
    """
    error = None if request.error is None else f"{type(request.error).__name__}: {request.error}"
    fault, trace = fault_of(request, elsewhere), request.trace
    if trace is None:
        return _refused(request, error, fault)
    if not trace.targets and fault is None and trace.target_text is None:
        return None  # the function gave nothing to differentiate, or broke for a reason of its own
    if error is None:
        _drop_refusals(trace.builder)
    stack = frames.spans(request.stack)
    text, targets = trace.target_text, trace.targets
    if trace.broken and fault is not None and (fault.kind != UNKNOWN or not _is_read(trace)):
        targets = []  # what the function has done until then leads nowhere for this reason alone
    if error is None and _is_flat(trace):
        targets = _behind_derivative(trace)
    graph = trace.builder.graph(targets, (), stack, trace.layers, error=error, fault=fault, target_text=text)
    parameters = tuple(keras.named(trace, _parameters(trace, graph)))
    before = _chosen_over(request, trace, graph)
    asked = sorted({leaf.argument for leaf in trace.leaves if leaf.differentiated})
    if before in _twins(trace.leaves):
        event = Event("chosen", frames.spans(request.made or request.stack)[0], before, note=", ".join(asked))
        parameters = tuple(replace(p, history=(*p.history, event)) if p.asked else p for p in parameters)
        before = ""
    chosen = [ARGNUMS.format(", ".join(asked), before)] if before else []
    return replace(graph, parameters=parameters, notes=(*_swapped(trace, graph), *chosen))


def _chosen_over(request: Request, trace: Trace, graph: Graph) -> str:
    """The earlier tree that has a way, where the script asks for other arguments than the first, and none has one."""
    alive = carried(graph)
    asked = [leaf for leaf in trace.leaves if leaf.differentiated]
    if request.argnums in ((), 0, (0,)) or graph.error is not None or any(leaf.value in alive for leaf in asked):
        return ""
    names = list(dict.fromkeys(leaf.argument for leaf in trace.leaves))
    chosen = {leaf.argument for leaf in asked}
    before = names[: min(map(names.index, chosen), default=0)]
    trees = (n for n in before if sum(x.argument == n and x.value in alive for x in trace.leaves) > 1)
    return next(trees, "")


def _swapped(trace: Trace, graph: Graph) -> list[str]:
    return [SWAPPED] if _is_swapped(trace, graph) else []


def _is_swapped(trace: Trace, graph: Graph) -> bool:
    """Whether no parameter has a way to what is differentiated, and some have one to what is handed back beside it."""
    asked = {leaf.value for leaf in trace.leaves if leaf.differentiated}
    if trace.beside is None or graph.error is not None or asked & carried(graph):
        return False
    return bool(asked & leading_to(graph, {trace.beside}))


def _is_flat(trace: Trace) -> bool:
    """Whether no parameter has a way, and they lead to what is differentiated inside: its derivative is constant, then.

    The second derivative of a network that is linear in pieces is. One array alone may be the place at which a function
    is looked at, whose second derivative may well be zero.
    """
    asked = {leaf.value for leaf in trace.leaves if leaf.differentiated}
    if not trace.inner or len(asked) < 2 or len(trace.targets) != 1:
        return False
    alive = trace.builder.graph(trace.targets, ())
    return not asked & _behind(alive) and bool(asked & leading_to(alive, trace.inner))


def _behind_derivative(trace: Trace) -> list[int]:
    """The loss, with what is differentiated inside as another thing that it is made of, which hands nothing back."""
    made, stack = trace.builder.value("float32"), frames.spans(trace.derived)
    inner = sorted(trace.inner)
    barriers = [Barrier(n, 0, "non-differentiable-op", CONSTANT) for n in range(len(inner))]
    trace.builder.op("derivative", [*inner, *trace.targets], [made], stack, "", barriers)
    return [made]


def _is_read(trace: Trace) -> bool:
    """Whether the function, until it raised, had read something for this that is differentiated."""
    read = trace.builder.ancestors(trace.targets)
    return any(leaf.differentiated and leaf.value in read for leaf in trace.leaves)


def _drop_refusals(builder: GraphBuilder) -> None:
    """JAX has answered, so it refused nothing: what it would refuse lies on no way to a gradient."""
    for op, barriers in list(builder.barriers.items()):
        builder.barriers[op] = tuple(b for b in barriers if b.kind != "no-registered-gradient")


def of_integers(request: Request, error: str | None = None) -> Graph | None:
    """The Graph of the integers alone that a request is asked of, ``None`` where there are none."""
    return _refused(request, error or "", None) if _integers(request) else None


def _integers(request: Request) -> list[tuple[Any, Named]]:
    return [(aval, named) for aval, named in request.given if aval is not None and not is_float(aval)]


def _refused(request: Request, error: str | None, fault: Fault | None) -> Graph | None:
    """JAX looked at the arguments and refused: for the types of some, or for a known fault."""
    integers = _integers(request)
    chosen = integers or [(aval, named) for aval, named in request.given if fault is not None and aval is not None]
    if error is None or not chosen:
        return None
    builder = GraphBuilder("jax", request.api)
    stack = frames.spans(request.stack)
    parameters, targets = [], []
    for aval, named in chosen:
        dtype, shape = str(aval.dtype), tuple(aval.shape)
        value = builder.value(dtype, shape)
        if integers:
            targets.append(builder.value(dtype, shape))
            builder.op(request.api, [value], targets[-1:], stack, "", [Barrier(0, 0, "integer-dtype", dtype)])
        parameters.append(Parameter(named.path, shape, dtype, value, gradient="none", written=named.written))
    return builder.graph(targets, parameters, stack, error=error, fault=None if integers else fault)


def _parameters(trace: Trace, graph: Graph) -> list[Parameter]:
    alive = carried(graph)
    if graph.error is not None and not trace.broken and all(x.value in alive for x in trace.leaves if x.differentiated):
        alive = set()  # every way is there, and JAX refused the request as a whole
    if graph.fault is not None:
        alive = set()
    excused = _excused(trace, graph)
    twins = _twins([leaf for leaf in trace.leaves if leaf.value not in trace.variables])
    objects = any(leaf.made or leaf.apart for leaf in trace.leaves)
    found: dict[str, Parameter] = {}
    for leaf in trace.leaves:
        left_out = bool(leaf.made or leaf.apart) and leaf.kept
        if not leaf.differentiated and leaf.argument not in twins and not left_out:
            continue
        asked = leaf.differentiated and leaf.value not in excused and not is_state(leaf.path)
        parameter = Parameter(
            leaf.path,
            leaf.shape,
            leaf.dtype,
            leaf.value,
            asked=asked,
            gradient=("present" if leaf.value in alive else "none") if leaf.differentiated else "unknown",
            owner=owner(leaf.written or leaf.path),
            holder=leaf.written or leaf.path,
            tracked=None if not objects else not left_out,
            history=(Event("made", next(iter(frames.spans(leaf.made)), None), leaf.apart),) if left_out else (),
            written=leaf.written,
        )
        found.setdefault(leaf.path, parameter)
    return list(found.values())


def _excused(trace: Trace, graph: Graph) -> set[int]:
    """Values of which nothing is to be said.

    What only shifts a quantity that is differentiated inside, or chooses its pieces, has no second derivative by
    nature. And where the function raised, what it would have read later is not known.
    """
    excused = leading_to(graph, trace.inner) - _cut_on_purpose(graph) if trace.inner else set()
    if graph.targets and graph.targets != tuple(trace.targets):
        excused = set()  # it is the derivative inside that leaves them without a way
    if trace.broken and (graph.fault is None or graph.targets):
        touched = _behind(graph)
        excused |= {leaf.value for leaf in trace.leaves if leaf.value not in touched}
    return excused


def _cut_on_purpose(graph: Graph) -> set[int]:
    """The values that a target depends on, through barriers that the script has put there as well."""
    nature = {op: tuple(b for b in bs if b.kind == "non-differentiable-op") for op, bs in graph.barriers.items()}
    return carried(replace(graph, barriers=nature))


def _behind(graph: Graph) -> set[int]:
    """Every value that a target depends on, through barriers as well."""
    return carried(replace(graph, barriers={}))


def _twins(leaves: Sequence[Leaf]) -> set[str]:
    """The arguments that are built like one that is differentiated, and are not themselves."""
    forms: dict[str, list[tuple[object, ...]]] = {}
    asked: set[str] = set()
    for leaf in leaves:
        forms.setdefault(leaf.argument, []).append((leaf.shape, leaf.dtype))
        if leaf.differentiated:
            asked.add(leaf.argument)
    models = [forms[a] for a in asked if len(forms[a]) > 1]
    return {name for name, form in forms.items() if name not in asked and form in models}
