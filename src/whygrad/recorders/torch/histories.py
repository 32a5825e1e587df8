"""What has happened to a parameter: made, frozen, thawed, and what keeps its gradient from being applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from whygrad.graph import NOWHERE, Event
from whygrad.recorders import frames
from whygrad.recorders.torch.asking import Request
from whygrad.recorders.torch.names import Names
from whygrad.recorders.torch.parameters import Described
from whygrad.recorders.torch.replay import Replay

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch


def history(recorder: Torch, replay: Replay, tensor: Any, value: int, held: frames.Stack) -> list[Event]:
    """Where a parameter was made, frozen and thawed, as Keras knows it if it is one of Keras' variables.

    Args:
        value: its value in the replay, or ``NOWHERE``.
        held: where the optimizer that asks for it was made.
    """
    return _quiet_thaws(_events(recorder, replay, tensor, value, held))


def _events(recorder: Torch, replay: Replay, tensor: Any, value: int, held: frames.Stack) -> Iterator[Event]:
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


def kept(
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


def _spoiled(request: Request) -> set[int]:
    return {number for number, worth in request.got.items() if worth == "nonfinite"}


def _trains(described: Described, names: Names) -> bool:
    """Whether it is a parameter by its making, of a module that is in training mode if it is of one."""
    if not isinstance(described.tensor, torch.nn.Parameter):
        return False
    return described.module is None or described.module not in names.trees or names.trees[described.module][0].training


def _quiet_thaws(history: Iterable[Event]) -> list[Event]:
    """A thaw is worth a word only after a freeze: ``requires_grad_()`` also makes a tensor a parameter."""
    frozen = False
    kept = []
    for event in history:
        if event.kind == "thawed" and not frozen:
            continue
        frozen = event.kind == "frozen" or (frozen and event.kind != "thawed")
        kept.append(event)
    return kept
