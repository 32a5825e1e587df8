"""What is known of a gradient request while it goes on: backward calls that nobody took up yet, and what was asked."""

from __future__ import annotations

import dis
import weakref
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.graph import GradientEdge

from whygrad.graph import GradientSeen
from whygrad.recorders import frames
from whygrad.recorders.torch.originals import gradient_of

if TYPE_CHECKING:
    from whygrad.recorders.torch.names import Names


@dataclass(slots=True)
class Backward:
    """One backward call.

    Attributes:
        mark: its entry in the log; -1 while not recording.
        leaves: ``id`` of each leaf tensor that autograd leads to; ``got``: of those that had a gradient right after,
            what it was worth then: it may be clipped or cleared since. Both are empty while not recording.
        known: whether ``leaves`` was looked at.
        consumed: an optimizer has taken it up, or it was asked by hand.
        told: how many reads there were when a missing gradient was told of; 0: none was.
        reads: tensors whose ``.grad`` the script read since.
    """

    api: str
    stack: frames.Stack
    mark: int = -1
    leaves: frozenset[int] = frozenset()
    got: Mapping[int, GradientSeen] = field(default_factory=dict)
    error: BaseException | None = None
    known: bool = False
    consumed: bool = False
    told: int = 0
    reads: list[weakref.ref[Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, as it went. Lives only while it is handed on.

    Attributes:
        got: what each leaf was worth after the backward pass, by ``id``.
        cleared: where the gradients went before they were used; ``optimizer``: where the optimizer was made that asks.
        skipped: where a loss scaler left out the step.
        more: goes on with a request of the same step that was told already.
        step: where an optimizer steps that asks by that.
        by: the optimizer that asks, if its next steps may go by unseen.
        target_text: what was asked for a backward pass, if it is no tensor.
    """

    api: str
    site: tuple[Any, ...]
    stack: frames.Stack
    frame: FrameType | None
    sources: Sequence[Any]
    seen: tuple[GradientSeen, ...]
    marks: tuple[int, ...]
    opened: int
    error: BaseException | None = None
    inputs: tuple[int, ...] = ()
    got: Mapping[int, GradientSeen] = field(default_factory=dict)
    cleared: frames.Stack = ()
    optimizer: frames.Stack = ()
    skipped: frames.Stack = ()
    step: frames.Stack = ()
    more: bool = False
    by: Any = None
    target_text: str | None = None


def stepping(
    api: str, sources: Sequence[Any], frame: FrameType, calls: Sequence[Backward], opened: int
) -> tuple[Request, list[Backward]]:
    """What an optimizer asks for by a step, and the backward calls that gave it something; the last one if none did.

    Args:
        api: what the request is called where there was no such call.
        sources: what the optimizer holds.
        calls: those since its last step.
        opened: the entry of the log where the step begins.
    """
    held = {id(p) for p in sources}
    mine = [c for c in calls if c.leaves & held] or list(calls[-1:])
    got = {number: worth for call in calls for number, worth in call.got.items()}
    stack = frames.capture(frame)
    request = Request(
        mine[-1].api if mine else api,
        ("step", *site_of(stack)),
        (mine[-1].stack if mine else ()) or stack,
        frame,
        sources,
        tuple(["present" if id(p) in got else answer(p, got) for p in sources]),
        tuple(c.mark for c in mine if c.mark >= 0),
        opened,
        got=got,
        step=stack,
    )
    return request, mine


def site_of(stack: frames.Stack) -> tuple[Any, ...]:
    """The place of a request: the same again means a new step."""
    return tuple((id(place[0]), place[1]) for place in stack)


def answer(tensor: Any, got: Container[int]) -> GradientSeen:
    """What a tensor got, without torch's warning about tensors that never get one.

    Args:
        got: ids of the tensors that had one after the backward pass; it may be cleared since.
    """
    if id(tensor) in got:
        return "present"
    given = gradient_of(tensor) if tensor.is_leaf or tensor.retains_grad else None
    return "none" if given is None else "present"


def nothing(sources: Sequence[Any]) -> tuple[GradientSeen, ...]:
    """The answer of a request that came to nothing."""
    missing: GradientSeen = "none"
    return (missing,) * len(sources)


def guarded(frame: FrameType) -> bool:
    """Whether what was just read is only compared with ``None``: nothing was asked of it."""
    following = [i for i in dis.get_instructions(frame.f_code) if i.offset > frame.f_lasti and i.opname != "CACHE"][:2]
    names = [i.opname for i in following]
    return bool(names) and (
        names[0].endswith(("IF_NONE", "IF_NOT_NONE"))
        or (len(names) > 1 and following[0].argval is None and names[0] == "LOAD_CONST" and names[1] == "IS_OP")
    )


def is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def listed(values: Any) -> list[Any]:
    """One by one what torch takes as a tensor, an edge of its graph, several of them, or several by name."""
    if is_tensor(values) or isinstance(values, GradientEdge) or not isinstance(values, Iterable):
        return [values]
    return list(values.values() if isinstance(values, Mapping) else values)


def with_siblings(request: Request, names: Names) -> Request:
    """By hand, one tensor is asked after the other: those beside it, of the same kind, are meant too."""
    held = {id(t) for t in request.sources}
    lost = [t for t, seen in zip(request.sources, request.seen, strict=True) if seen == "none" and not t.is_leaf]
    more = [t for tensor in lost for t in names.beside(tensor) if not t.is_leaf and id(t) not in held]
    return replace(
        request, sources=[*request.sources, *more], seen=(*request.seen, *(answer(t, request.got) for t in more))
    )
