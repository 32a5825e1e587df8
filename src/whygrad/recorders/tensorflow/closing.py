"""Closing a Graph: a gradient request of TensorFlow, with everything noted before it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from whygrad.graph import NOWHERE, Event, Fault, Graph, Parameter, Recording
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.inner import Inner
from whygrad.recorders.keras import layers_of
from whygrad.recorders.naming import unique
from whygrad.recorders.ownership import Owners, longer
from whygrad.recorders.tensorflow.assembly import Assembly
from whygrad.recorders.tensorflow.eager import Eager
from whygrad.recorders.tensorflow.log import Custom, TapeFacts
from whygrad.recorders.tensorflow.measured import Placed
from whygrad.recorders.tensorflow.parameters import Source, describe, number_of
from whygrad.recorders.tensorflow.passing import passed
from whygrad.recorders.tensorflow.requests import Request, measured
from whygrad.recorders.tensorflow.traced import Body

if TYPE_CHECKING:
    from whygrad.recorders.tensorflow import TensorFlow


def close(
    recorder: TensorFlow, request: Request, sources: Sequence[Source], labels: Mapping[int, tuple[str, str]]
) -> tuple[Graph, Placed]:
    """Make the Graph of a request.

    Args:
        sources: the request's flattened sources.
        labels: tensor id to the user's name for it.

    Returns:
        the Graph, and where its tensors stand in it.
    """
    log, tape = recorder.log, recorder.hooks.tapes.facts(request.tape) if request.tape is not None else None
    assembly = Assembly(
        GraphBuilder(recorder.framework, request.api), tape, recorder.table, _followed(log.variables), recorder.python
    )
    sources = _looked_at(request, sources)
    assembly.source_ids = frozenset(s.number for s in sources if s.number is not None and not s.is_variable)
    assembly.inner = Inner(log.requests)
    Eager(log, assembly).run()
    targets, text = _targets(request.target)
    graph = next((t.graph for t in targets if _symbolic(t)), None)
    if graph is not None:
        _trace(recorder, assembly, graph, tape, request.operations)
    for number, label in labels.items():
        if number in assembly.current:
            assembly.builder.labels[assembly.current[number]] = label
    closed = assembly.builder.graph(
        _losses(assembly, targets),
        _parameters(recorder, request, sources, assembly),
        assembly.stack(request.stack),
        layers_of(recorder.layers, assembly.stack),
        _recording(request, assembly),
    )
    closed = _excused(replace(closed, target_text=text, **_facts(recorder, request, assembly)), request, assembly)
    if graph is not None:
        recorder.python.keep(closed, assembly.python_ops)
    return closed, Placed(assembly.current, assembly.inside)


def _looked_at(request: Request, sources: Sequence[Source]) -> list[Source]:
    """The sources with what is seen of their gradients."""
    # A zero of a few steps only is said where the graph's own verdict is the same.
    unsteady = bool(request.cotangents)
    looked_at = [
        s if unsteady and s.seen == "unknown" else replace(s, seen=measured(a))
        for s, a in zip(sources, request.answers, strict=False)
    ]
    if request.zero_filled:
        # Zeros stand for None; where they are traced they can not be looked at, and the graph's verdict decides.
        return [replace(s, seen="zero" if s.seen == "present" and s.is_variable else s.seen) for s in looked_at]
    return looked_at


def _losses(assembly: Assembly, targets: Sequence[Any]) -> list[int]:
    """The values of the targets; a variable stands for what was last written to it: `loss = total.assign(...)`."""
    numbers = [n for t in targets if (n := number_of(t)) in assembly.current]
    return [assembly.state.get(n, assembly.current[n]) for n in numbers]


def _recording(request: Request, assembly: Assembly) -> Recording:
    """When the request's tape recorded, and what it followed."""
    tape, used_up = assembly.tape, request.error is not None and "non-persistent" in str(request.error)
    if tape is None:
        return Recording(None, assembly.first_op, True, used_up)
    opened, asked = assembly.stack(tape.opened), assembly.stack(tape.asked)
    return Recording(
        opened[0] if opened else None,
        assembly.first_op,
        tape.follows_variables,
        used_up,
        asked[0] if asked else None,
    )


def _facts(recorder: TensorFlow, request: Request, assembly: Assembly) -> dict[str, Any]:
    """What is known of a request besides its operations, as fields of a Graph."""
    current, error, begun = assembly.current, request.error, _begun(recorder, request)
    return {
        "error": None if error is None else f"{type(error).__name__}: {error}",
        "notes": ("the beginning of the run was not recorded",) if recorder.log.forgotten else (),
        "cotangents": {current[n]: seen for n, seen in request.cotangents.items() if n in current},
        "zeros": tuple(sorted(current[n] for n in recorder.hooks.values.zeros if n in current)),
        "breaks": tuple(sorted(current[n] for n in begun if n in current)),
        "points": {current[n]: holds for n, holds in begun.items() if n in current},
        "frozen": tuple(recorder.lives.frozen_now()),
    }


def _excused(closed: Graph, request: Request, assembly: Assembly) -> Graph:
    """The Graph without what is no fault of the parameters: an error about zeros, what shifts a derivative only."""
    if _wants_zeros_of_keras(request):
        closed = replace(closed, targets=(), fault=Fault("keras-zeros", assembly.stack(request.stack)))
    shifts = assembly.inner.shifts(closed)
    if not shifts:
        return closed
    return replace(
        closed, parameters=tuple(replace(p, asked=p.asked and p.value not in shifts) for p in closed.parameters)
    )


def _wants_zeros_of_keras(request: Request) -> bool:
    """Whether TensorFlow raised because zeros need a type, and of that Keras' variables know the name alone."""
    named = any(isinstance(getattr(one, "dtype", None), str) for one in request.sources)
    return request.zero_filled and named and isinstance(request.error, AttributeError)


def _targets(target: Any) -> tuple[list[Any], str | None]:
    """The target's tensors, and what it was where it is none."""
    from tensorflow.python.util import nest

    flat = nest.flatten(target, expand_composites=True)
    tensors = [t for t in flat if number_of(t) is not None]
    if tensors or not flat:
        return tensors, None
    return [], f"{type(flat[0]).__module__}.{type(flat[0]).__name__}".removeprefix("builtins.")


def _symbolic(tensor: Any) -> bool:
    return hasattr(tensor, "graph") and not hasattr(tensor, "_numpy_internal")


def _followed(variables: Mapping[int, Any]) -> frozenset[int]:
    return frozenset(n for n, v in list(variables.items()) if bool(getattr(v, "trainable", True)))


def _trace(recorder: TensorFlow, assembly: Assembly, graph: Any, tape: TapeFacts | None, count: int) -> None:
    """Add the operations of the graph in which the request was made, up to the request."""
    operations = graph.get_operations()[: count or None]
    body = Body(assembly, recorder.log, graph, (), True)
    body.environment = assembly.current
    if tape is not None:
        assembly.watched |= tape.watched
    body.customs = {e.outputs: e for e in recorder.log.entries if isinstance(e, Custom)}
    for outer, inner in graph.captures:
        number = number_of(outer)
        if number is not None:
            spec = (inner.dtype.as_datatype_enum, None)
            assembly.current[inner._id] = assembly.of(number, spec)
    for placeholder, tensor in passed(graph, sys._getframe()):
        if tensor._id in assembly.current:
            assembly.current[placeholder._id] = assembly.current[tensor._id]
    recorded = [_recorded(tape, graph, index) for index in range(len(operations))]
    first = recorded.index(True) if True in recorded else 0
    body.run(operations[:first], recorded[:first])
    assembly.first_op = assembly.builder.next_op
    body.run(operations[first:], recorded[first:])


def _recorded(tape: TapeFacts | None, graph: Any, index: int) -> bool:
    if tape is None:
        return True
    for reference, begin, end in tape.intervals:
        if reference() is graph and begin <= index and (end is None or index < end):
            return True
    # A tape opened outside this graph records all of it.
    return not any(reference() is graph for reference, _, _ in tape.intervals)


def _begun(recorder: TensorFlow, request: Request) -> Mapping[int, str]:
    """The tensors in which a loss that is not finite began not to be, as far as it can be looked at."""
    from tensorflow.python.util import nest

    return recorder.hooks.values.origins.of(n for t in nest.flatten(request.target) if (n := number_of(t)) is not None)


def _parameters(
    recorder: TensorFlow, request: Request, sources: Sequence[Source], assembly: Assembly
) -> list[Parameter]:
    """The request's sources, then the trainable variables that were read and not asked for."""
    owners = Owners(request.frame, recorder.lives, number_of)
    asked = {s.number for s in sources}
    others = []
    read = {n for v, n in assembly.handle_numbers.items() if v in assembly.handles}
    for number in sorted(read - asked):
        variable = recorder.log.variables.get(number)
        if variable is not None and bool(getattr(variable, "trainable", False)):
            keras = owners.keras_variable(number)
            best = variable if keras is None else keras
            others.append((describe(best, owners.names, 0, "unknown"), best))
    taken = [s.path for s in sources]
    known = taken + [s.path for s, _ in others]
    paths = unique(taken + [longer(s.path, known, owners.of(s.number or -1)) for s, _ in others])
    result = []
    for index, (source, variable) in enumerate([*zip(sources, request.sources, strict=False), *others]):
        result.append(_parameter(recorder, assembly, owners, source, variable, paths[index], index < len(sources)))
    return result


def _parameter(
    recorder: TensorFlow, assembly: Assembly, owners: Owners, source: Source, variable: Any, path: str, asked: bool
) -> Parameter:
    number = -1 if source.number is None else source.number
    value = assembly.current.get(number, NOWHERE)
    history = []
    made = recorder.lives.birth_of(variable) or recorder.log.handles.get(number)
    if made:
        history.append(Event("made", assembly.stack(made)[0]))
    elif not source.is_variable and value != NOWHERE:
        stack = assembly.builder.span_of(value)
        history += [Event("made", stack)] if stack is not None else []
    owner = owners.of(number)
    history += owners.freezes(variable, assembly.stack)
    if owner is None and not asked:
        recorder.births.note(path, number)
    follows = assembly.tape is None or (assembly.tape.follows_variables and source.trainable)
    watched = number in assembly.watched or (follows if source.is_variable else value in assembly.tracked)
    return Parameter(
        path=path,
        shape=source.shape,
        dtype=source.dtype,
        value=value,
        asked=asked,
        trainable=source.trainable,
        born_frozen=not source.trainable and not any(e.kind == "frozen" for e in history),
        is_variable=source.is_variable,
        watched=watched,
        gradient=source.seen,
        owner=owner.layer if owner is not None else None,
        holder=owner.path if owner is not None else None,
        tracked=owner.tracked if owner is not None else None,
        in_model=owner.in_model if owner is not None else None,
        history=tuple(history),
    )
