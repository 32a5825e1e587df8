"""Closing a Graph: a gradient request of torch, with everything noted before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from whygrad.recorders.torch.histories import history, kept
from whygrad.recorders.torch.log import Log, Marked
from whygrad.recorders.torch.names import Names
from whygrad.recorders.torch.parameters import Described, forward_of
from whygrad.recorders.torch.replay import Replay
from whygrad.recorders.torch.tensors import note, shape_of
from whygrad.recorders.torch.values import Values
from whygrad.recorders.torch.waiting import waiting
from whygrad.recorders.torch.worth import worth
from whygrad.span import Span

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch

# What ``torch.autograd.grad`` says where the loss has nothing to do with one of those that it was asked for by name.
_UNUSED = "appears to not have been used in the graph"


def close(recorder: Torch, request: Request, described: Sequence[Described], names: Names) -> Graph:
    """Make the Graph of a request.

    Args:
        described: the request's sources, and then the other parameters of the living modules.
        names: what the script calls its modules and tensors.
    """
    log = recorder.log
    replay = _replayed(recorder, request, described, names)
    marked = [replay.marked[m] for m in request.marks if m in replay.marked]
    targets = [value for values, _ in marked for value in values]
    current = marked[-1][1] if marked else replay.current
    named = labels(log, names, request)
    for number, label in named.items():
        if number in current:
            replay.builder.labels[current[number]] = label
    lost = not recorder.hooks.values.lost.isdisjoint(request.marks)
    parameters = _parameters(recorder, replay, request, described, names, current)
    if lost and not replay.noted["broken"]:
        parameters = _spoiled_from_outside(described, parameters)
    error, fault = request.error, None
    if error is not None:
        if _UNUSED not in str(error):
            parameters = _concerned(replay.builder, targets, parameters)
        fault = fault_of(replay, request.inputs, str(error), request.opened, request.stack)
    closed = replay.builder.graph(
        targets,
        parameters,
        replay.stack(request.stack),
        layers(recorder, names, replay),
        Recording(None, replay.first_op, True, False, switched=_switched(log, request, replay)),
        None if error is None else f"{type(error).__name__}: {error}",
        request.target_text,
        fault,
    )
    measured = replace(
        closed,
        notes=("the beginning of the run was not recorded",) if log.forgotten else (),
        cotangents=replay.cotangents,
        zeros=tuple(sorted(replay.noted["zero"])),
        breaks=tuple(sorted(replay.noted["broken"])) if lost else (),
    )
    called = {replay.current[n]: name for n, (name, _) in named.items() if n in replay.current}
    return waiting(excused(measured, log, replay.current), request, called)


def _replayed(recorder: Torch, request: Request, described: Sequence[Described], names: Names) -> Replay:
    """The log of a request, replayed into a Graph's columns."""
    log = recorder.log
    keras = any(d.asked and id(d.tensor) in names.variables for d in described)
    unwatched = frozenset(
        log.known(d.tensor) for d in described if d.asked and not d.is_variable and not _is_followed(d)
    )
    scopes = {n: path for n, m in list(recorder.hooks.modules.known.items()) if (path := _path(names, m()))}
    replay = Replay(
        GraphBuilder(recorder.framework, request.api, "keras" if keras else ""),
        log,
        request.marks,
        request.opened,
        unwatched - {0},
        lambda n: _scope(scopes.get(n, "")),
        recorder.hooks.values,
        underived(str(request.error or "")),
    )
    replay.run()
    return replay


def _parameters(
    recorder: Torch,
    replay: Replay,
    request: Request,
    described: Sequence[Described],
    names: Names,
    current: dict[int, int],
) -> list[Parameter]:
    ended = kept(recorder, replay, request, described, names)
    awaited = recorder.hooks.replicas.awaited(described)
    return [
        replace(
            _parameter(recorder, replay, d, current, request, ended.get(id(d.tensor))),
            awaited=awaited.get(id(d.tensor)),
        )
        for d in described
    ]


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
                if id(value) in names.labels and isinstance(value, torch.Tensor):
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
    events = history(recorder, replay, tensor, value, request.optimizer if described.asked else ())
    return Parameter(
        path=described.path,
        shape=shape_of(tensor),
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
        history=tuple(events) if end is None else (*events, end),
    )


def _spoiled_from_outside(described: Sequence[Described], parameters: list[Parameter]) -> list[Parameter]:
    """The same, with a word on a loss that is not finite though the weights still are."""
    if any(worth(d.tensor) == "nonfinite" for d in described):
        return parameters  # it comes of an earlier step
    event = Event("spoiled", None)
    return [replace(p, history=(*p.history, event)) if p.gradient == "nonfinite" else p for p in parameters]


def _is_followed(described: Described) -> bool:
    """Whether autograd follows a tensor; the functions of torch.func follow what they are asked for in any case."""
    return described.argument or bool(described.tensor.requires_grad)


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
