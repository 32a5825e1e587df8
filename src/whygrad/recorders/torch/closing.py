"""Closing a Graph: a gradient request of torch, with everything noted before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from whygrad.graph import NOWHERE, Event, Graph, Layer, Parameter, Recording
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.keras import layers_of
from whygrad.recorders.torch.asking import Request
from whygrad.recorders.torch.derivatives import excused
from whygrad.recorders.torch.faults import fault_of, underived
from whygrad.recorders.torch.log import Log, Marked
from whygrad.recorders.torch.names import Names
from whygrad.recorders.torch.parameters import Described, forward_of
from whygrad.recorders.torch.replay import Replay
from whygrad.recorders.torch.tensors import note
from whygrad.recorders.torch.values import Values
from whygrad.recorders.torch.worth import worth
from whygrad.span import Span

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch


def close(recorder: Torch, request: Request, described: Sequence[Described], names: Names) -> Graph:
    """Make the Graph of a request.

    Args:
        described: the request's sources, and then the other parameters of the living modules.
        names: what the script calls its modules and tensors.
    """
    log = recorder.log
    keras = any(d.asked and id(d.tensor) in names.variables for d in described)
    builder = GraphBuilder(recorder.framework, request.api, "keras" if keras else "")
    unwatched = frozenset(
        log.known(d.tensor) for d in described if d.asked and not d.is_variable and not _is_followed(d)
    )
    scopes = {n: path for n, m in list(recorder.hooks.modules.known.items()) if (path := _path(names, m()))}
    missing = underived(str(request.error or ""))
    replay = Replay(
        builder,
        log,
        request.marks,
        request.opened,
        unwatched - {0},
        lambda n: _scope(scopes.get(n, "")),
        recorder.hooks.values,
        missing,
    )
    replay.run()
    marked = [replay.marked[m] for m in request.marks if m in replay.marked]
    targets = [value for values, _ in marked for value in values]
    current = marked[-1][1] if marked else replay.current
    for number, label in labels(log, names, request).items():
        if number in current:
            builder.labels[current[number]] = label
    ends = _ends(recorder, replay, request, described, names)
    awaited = recorder.hooks.replicas.awaited(described)
    parameters = [
        replace(
            _parameter(recorder, replay, d, current, request, ends.get(id(d.tensor))),
            awaited=awaited.get(id(d.tensor)),
        )
        for d in described
    ]
    lost = not recorder.hooks.values.lost.isdisjoint(request.marks)
    if lost and not replay.noted["broken"]:
        parameters = _spoiled_from_outside(described, parameters)
    if request.error is not None:
        parameters = _concerned(builder, targets, parameters)
    error = request.error
    closed = builder.graph(
        targets,
        parameters,
        replay.stack(request.stack),
        layers(recorder, names, replay),
        Recording(None, replay.first_op, True, False, switched=_switched(log, request, replay)),
        None if error is None else f"{type(error).__name__}: {error}",
        request.target_text,
        None if error is None else fault_of(replay, request.inputs, str(error), request.opened, request.stack),
        ("the beginning of the run was not recorded",) if log.forgotten else (),
        replay.cotangents,
        replay.noted["zero"],
        replay.noted["broken"] if lost else (),
    )
    return excused(closed, log, replay.current)


def labels(log: Log, names: Names, request: Request) -> dict[int, tuple[str, str]]:
    """Serial of a tensor to the user's name for it and the function that holds it."""
    found: dict[int, tuple[str, str]] = {}
    for frame, (name, function, tensor) in _held(request, names):
        if frame is not None and (serial := log.known(tensor)):
            found.setdefault(serial, (name, function))
    return found


def _held(request: Request, names: Names) -> Iterable[tuple[Any, tuple[str, str, Any]]]:
    """The tensors that the frames of the request hold, with their names."""
    frame = request.frame
    while frame is not None:
        if frames.is_user_file(frame.f_code.co_filename):
            for name, value in frames.local_variables(frame):
                if isinstance(value, torch.Tensor) and id(value) in names.labels:
                    yield frame, (name, frame.f_code.co_qualname, value)
        frame = frame.f_back


def _switched(log: Log, request: Request, replay: Replay) -> Span | None:
    """Where grad mode was switched off that was still off when the gradient was asked for."""
    off = log.switched and not log.off.isdisjoint(request.marks)
    return replay.stack(log.switched)[0] if off else None


def _path(names: Names, module: Any) -> str:
    return names.modules.get(id(module), type(module).__name__) if module is not None else ""


def _scope(path: str) -> str:
    """A module's path with those of the modules around it, as the log's scopes are written: outermost first."""
    parts = path.split(".") if path else []
    return "/".join(".".join(parts[: i + 1]) for i in range(len(parts)))


def _parameter(
    recorder: Torch,
    replay: Replay,
    described: Described,
    current: dict[int, int],
    request: Request,
    end: Event | None,
) -> Parameter:
    tensor = described.tensor
    serial = recorder.log.known(tensor)
    value = current.get(serial, NOWHERE) if serial else NOWHERE
    history = _quiet_thaws(
        list(_history(recorder, replay, tensor, value, request.optimizer if described.asked else ()))
    )
    if end is not None:
        history.append(end)
    return Parameter(
        path=described.path,
        shape=tuple(tensor.shape),
        dtype=str(tensor.dtype).removeprefix("torch."),
        value=value,
        asked=described.asked,
        trainable=_is_followed(described) or not described.is_variable,
        is_variable=described.is_variable,
        watched=_is_followed(described),
        gradient=request.got.get(id(tensor), described.seen)
        if described.seen in ("present", "unknown")
        else described.seen,
        owner=described.module,
        holder=described.home.holder or described.home.path if described.home is not None else None,
        tracked=described.tracked,
        in_model=described.in_model,
        history=tuple(history),
    )


def _history(recorder: Torch, replay: Replay, tensor: Any, value: int, held: frames.Stack) -> Iterator[Event]:
    """Where a parameter was made, frozen and thawed, as Keras knows it if it is one of Keras' variables.

    Args:
        held: where the optimizer that asks for it was made.
    """
    variable = recorder.keras.variable(tensor)
    born = recorder.keras.lives.birth_of(variable) if variable is not None else ()
    made = born or recorder.lives.birth_of(tensor)
    if made:
        yield Event("made", replay.stack(made)[0])
    elif value != NOWHERE and (span := replay.builder.span_of(value)) is not None:
        yield Event("made", span)
    if held:
        yield Event("held", replay.stack(held)[0])
    if variable is not None:
        freezes = recorder.keras.lives.freezes(variable)
    else:
        freezes = ((given, stack, "") for given, stack in recorder.lives.freezes(tensor))
    for given, stack, name in freezes:
        if stack:
            yield Event("thawed" if given else "frozen", replay.stack(stack)[0], name)
    if silenced := recorder.hooks.values.silenced_at(tensor):
        yield Event("hooked", replay.stack(silenced)[0])


def _ends(
    recorder: Torch, replay: Replay, request: Request, described: Sequence[Described], names: Names
) -> dict[int, Event]:
    """What keeps gradients from being applied, by ``id`` of the tensor: cleared too early, or in no optimizer."""
    if request.cleared:
        cleared = Event("zeroed", replay.stack(request.cleared)[0], "cleared")
        return {id(d.tensor): cleared for d in described if d.asked}
    if request.skipped:
        skipped, spoiled = Event("kept", replay.stack(request.skipped)[0], "skipped"), _spoiled(request)
        return {id(d.tensor): skipped for d in described if d.asked and id(d.tensor) in spoiled}
    if not request.optimizer:
        return {}
    held = {id(p) for p in recorder.requests.steps.held()}
    unheld = Event("kept", replay.stack(request.optimizer)[0], "no optimizer")
    return {
        id(d.tensor): unheld
        for d in described
        if not d.asked and id(d.tensor) not in held and recorder.known.home(d.tensor) is None and _trains(d, names)
    }


def _spoiled_from_outside(described: Sequence[Described], parameters: list[Parameter]) -> list[Parameter]:
    """The same, with a word on a loss that is not finite though the weights still are."""
    if any(worth(d.tensor) == "nonfinite" for d in described):
        return parameters  # it comes of an earlier step
    event = Event("spoiled", None)
    return [replace(p, history=(*p.history, event)) if p.gradient == "nonfinite" else p for p in parameters]


def _spoiled(request: Request) -> set[int]:
    return {number for number, worth in request.got.items() if worth == "nonfinite"}


def _is_followed(described: Described) -> bool:
    """Whether autograd follows a tensor; the functions of torch.func follow what they are asked for in any case."""
    return described.argument or bool(described.tensor.requires_grad)


def _trains(described: Described, names: Names) -> bool:
    """Whether it is a parameter by its making, of a module that is in training mode if it is of one."""
    if not isinstance(described.tensor, torch.nn.Parameter):
        return False
    return described.module is None or described.module not in names.trees or names.trees[described.module][0].training


def _quiet_thaws(history: list[Event]) -> list[Event]:
    """A thaw is worth a word only after a freeze: ``requires_grad_()`` also makes a tensor a parameter."""
    frozen = False
    kept = []
    for event in history:
        if event.kind == "thawed" and not frozen:
            continue
        frozen = event.kind == "frozen" or (frozen and event.kind != "thawed")
        kept.append(event)
    return kept


def _concerned(builder: GraphBuilder, targets: Sequence[int], parameters: list[Parameter]) -> list[Parameter]:
    """Of what several optimizers hold, the parameters that the loss has to do with; all if it has with none.

    What is frozen just now (a critic in its generator's turn) counts only where nothing else was to get anything.
    """
    reached = builder.ancestors(targets)
    near = [p for p in parameters if not p.asked or p.value in reached]
    followed = [p for p in near if not p.asked or p.watched]
    near = followed if any(p.asked for p in followed) else near
    return near if any(p.asked for p in near) else parameters


def layers(recorder: Torch, names: Names, replay: Replay) -> list[Layer]:
    """The modules that the script can name, as records."""
    calls: dict[str, list[Span]] = {}
    for number, stack in recorder.hooks.modules.calls:
        reference = recorder.hooks.modules.known.get(number)
        path = _path(names, reference() if reference is not None else None)
        calls.setdefault(path, []).extend(replay.stack(stack)[:1])
    found = []
    for path, (module, attribute, around) in names.trees.items():
        stack = recorder.lives.modules.get(module, ())
        made = replay.stack(stack)[0] if stack else None
        found.append(Layer(path, made, forward_of(module), attribute, around, tuple(calls.get(path, ())[:100])))
    return found + layers_of(recorder.keras.layers, replay.stack)


def marked(log: Log, values: Values, targets: Sequence[Any]) -> int:
    """Note losses in the log.

    Returns:
        the entry's number.
    """
    note(log, targets)
    number = log.now
    if not torch.is_grad_enabled():
        log.off.add(number)
    if any(worth(t) == "nonfinite" and not values.overscaled.get(t, False) for t in targets):
        values.lost.add(number)
    log.add(Marked(tuple(log.serial(t) for t in targets)))
    return number
