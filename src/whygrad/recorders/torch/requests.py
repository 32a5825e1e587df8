"""The watch on gradient requests: ``backward``, ``autograd.grad``, and the steps of optimizers.

What an optimizer holds is what was asked for; the losses of a step are those whose backward ran since its last step.
"""

from __future__ import annotations

import dis
import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from types import FrameType
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch import edges


@dataclass(slots=True)
class Backward:
    """One backward call.

    Attributes:
        mark: its entry in the log; -1 while not recording.
        leaves: ``id`` of each leaf tensor that autograd led to; empty while not recording.
        reads: tensors whose ``.grad`` the script read since.
        known: whether ``leaves`` was looked at.
    """

    api: str
    stack: frames.Stack
    mark: int = -1
    leaves: frozenset[int] = frozenset()
    error: BaseException | None = None
    known: bool = False
    consumed: bool = False
    reads: list[tuple[weakref.ref[Any], frames.Stack]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, as it went. Lives only while it is handed on."""

    api: str
    site: tuple[Any, ...]
    stack: frames.Stack
    frame: FrameType | None
    sources: Sequence[Any]
    seen: tuple[str, ...]
    marks: tuple[int, ...]
    opened: int
    error: BaseException | None = None
    optimizer: Any = None


class Requests:
    """Wraps what asks for gradients.

    Args:
        heard: told of every request.
        mark: notes losses in the log and gives the entry's number, -1 while not recording.
        recording: whether the leaves of a backward are worth looking at.
        pause: told when an optimizer begins and ends its own work.
        now: the number that the log's next entry will have.
        fault: told of an error of ours.
    """

    def __init__(
        self,
        heard: Callable[[Request], None],
        mark: Callable[[Sequence[Any]], int],
        recording: Callable[[], bool],
        pause: Callable[[bool], None],
        now: Callable[[], int],
        fault: Callable[[BaseException], None],
    ) -> None:
        self.heard, self.mark, self.recording = heard, mark, recording
        self.pause, self.now, self.fault = pause, now, fault
        self.depth = 0
        self.patches = Patches()
        self.pending: list[Backward] = []
        self.optimizers: weakref.WeakSet[Any] = weakref.WeakSet()
        self._stepped: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._asked_at: dict[tuple[Any, ...], int] = {}

    def install(self) -> None:
        """Wrap the functions and hook into the optimizers."""
        self.patches.replace(torch.Tensor, "backward", self._backward(torch.Tensor.backward, "torch.Tensor.backward"))
        wrapper = self._backward(torch.autograd.backward, "torch.autograd.backward")
        self.patches.replace(torch.autograd, "backward", wrapper)
        self.patches.replace(torch.autograd, "grad", self._grad(torch.autograd.grad))
        for register, hook in (
            (register_optimizer_step_pre_hook, self._before_step),
            (register_optimizer_step_post_hook, self._after_step),
        ):
            handle = register(hook)
            self.patches.defer(handle.remove)

    def remove(self) -> None:
        """Put everything back."""
        self.patches.undo()

    def finish(self) -> None:
        """The script has ended: what no optimizer took up is asked now."""
        self._leftover(None)

    def read(self, tensor: Any, frame: FrameType) -> None:
        """The script reads ``.grad`` of a tensor."""
        if self.pending and len(self.pending[-1].reads) < 2000 and not _guarded(frame):
            self.pending[-1].reads.append((weakref.ref(tensor), frames.capture(frame)))

    def _backward(self, original: Callable[..., Any], api: str) -> Callable[..., Any]:
        requests = self

        @wraps(original)
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if requests.depth:
                return original(tensors, *args, **kwargs)
            call = requests._begin(tensors, api, sys._getframe(1))
            requests.depth += 1
            try:
                result = original(tensors, *args, **kwargs)
            except BaseException as error:
                requests._failed(call, error, sys._getframe(1))
                raise
            finally:
                requests.depth -= 1
            return result

        return backward

    def _begin(self, tensors: Any, api: str, frame: FrameType) -> Backward:
        call = Backward(api, frames.capture(frame))
        try:
            self._leftover(frame, call.stack)
            targets = [t for t in (tensors if isinstance(tensors, (list, tuple)) else [tensors]) if _is_tensor(t)]
            if self.recording():
                call.mark = self.mark(targets)
                call.leaves = frozenset(id(leaf) for leaf in edges.leaves_of(targets))
                call.known = True
            self.pending.append(call)
            del self.pending[:-64]
        except BaseException as error:
            self.fault(error)
        return call

    def _failed(self, call: Backward, error: BaseException, frame: FrameType) -> None:
        try:
            call.error, call.consumed = error, True
            self.raised(call.api, call.stack, frame, (call.mark,), error)
        except BaseException as fault:
            self.fault(fault)

    def raised(
        self, api: str, stack: frames.Stack, frame: FrameType | None, marks: tuple[int, ...], error: BaseException
    ) -> None:
        """A request came to nothing: what every living optimizer holds was asked for."""
        sources = self._held()
        self._tell(api, ("raised", *site_of(stack)), stack, frame, sources, ("none",) * len(sources), marks, 0, error)

    def _held(self) -> list[Any]:
        """What the living optimizers hold."""
        return [p for o in list(self.optimizers) for g in o.param_groups for p in g["params"]]

    def _leftover(self, frame: FrameType | None, stack: frames.Stack = ()) -> None:
        """Backward calls that no optimizer took up: asked was the gradient of what the script then read."""
        site = site_of(stack)
        for call in [c for c in self.pending if not c.consumed and (not stack or site_of(c.stack) == site)]:
            call.consumed = True
            held = {id(p) for p in self._held()}
            read = [t for ref, _ in call.reads if (t := ref()) is not None and id(t) not in held]
            sources = list({id(t): t for t in read}.values())
            if not sources or call.mark < 0:
                continue
            seen = tuple("none" if t.grad is None and id(t) not in call.leaves else "present" for t in sources)
            key = ("read", *site_of(call.stack))
            opened = self._asked_at.get(key, 0)
            self._asked_at[key] = self.now()
            self._tell(call.api, key, call.stack, frame, sources, seen, (call.mark,), opened)
        self.pending = [c for c in self.pending if not c.consumed]

    def _grad(self, original: Callable[..., Any]) -> Callable[..., Any]:
        requests = self

        @wraps(original)
        def grad(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if requests.depth:
                return original(outputs, inputs, *args, **kwargs)
            frame = sys._getframe(1)
            targets, sources = _listed(outputs), _listed(inputs)
            mark = requests._marked(targets)
            requests.depth += 1
            try:
                result = original(outputs, inputs, *args, **kwargs)
            except BaseException as error:
                requests._asked(mark, sources, ("none",) * len(sources), frame, error)
                raise
            finally:
                requests.depth -= 1
            answers = _listed(result)
            seen = tuple("none" if one is None else "present" for one in answers)
            requests._asked(mark, sources, seen, frame, None)
            return result

        return grad

    def _marked(self, targets: Sequence[Any]) -> int:
        try:
            return self.mark([t for t in targets if _is_tensor(t)]) if self.recording() else -1
        except BaseException as error:
            self.fault(error)
            return -1

    def _asked(
        self, mark: int, sources: Sequence[Any], seen: tuple[str, ...], frame: FrameType, error: BaseException | None
    ) -> None:
        try:
            stack = frames.capture(frame)
            site = ("grad", *site_of(stack))
            opened = self._asked_at.get(site, 0)
            self._asked_at[site] = self.now()
            self._tell("torch.autograd.grad", site, stack, frame, sources, seen, (mark,), opened, error)
        except BaseException as fault:
            self.fault(fault)

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        try:
            if not _has_closure(args, kwargs):
                self._stepping(optimizer, sys._getframe(1))
            self.pause(True)
        except BaseException as error:
            self.fault(error)

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        try:
            self.pause(False)
            if _has_closure(args, kwargs):
                self._stepping(optimizer, sys._getframe(1))
            self._stepped[optimizer] = self.now()
        except BaseException as error:
            self.fault(error)

    def _stepping(self, optimizer: Any, frame: FrameType) -> None:
        self.optimizers.add(optimizer)
        sources = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        opened = self._stepped.get(optimizer, 0)
        held = {id(p) for p in sources}
        calls = [c for c in self.pending if c.mark >= opened or not c.known]
        mine = [c for c in calls if c.leaves & held] or calls[-1:]
        for call in mine:
            call.consumed = True
        got = frozenset().union(*(c.leaves for c in calls))
        seen = tuple("none" if p.grad is None and id(p) not in got else "present" for p in sources)
        stack = frames.capture(frame)
        last = mine[-1] if mine else None
        self._tell(
            last.api if last is not None else f"torch.optim.{type(optimizer).__name__}.step",
            ("step", *site_of(stack)),
            last.stack if last is not None else stack,
            frame,
            sources,
            seen,
            tuple(c.mark for c in mine if c.mark >= 0),
            opened,
            optimizer=optimizer,
        )

    def _tell(
        self,
        api: str,
        site: tuple[Any, ...],
        stack: frames.Stack,
        frame: FrameType | None,
        sources: Sequence[Any],
        seen: tuple[str, ...],
        marks: tuple[int, ...],
        opened: int,
        error: BaseException | None = None,
        optimizer: Any = None,
    ) -> None:
        if sources:
            self.heard(Request(api, site, stack, frame, sources, seen, marks, opened, error, optimizer))


def site_of(stack: frames.Stack) -> tuple[Any, ...]:
    """The place of a request: the same again means a new step."""
    return tuple((id(place[0]), place[1]) for place in stack)


def _guarded(frame: FrameType) -> bool:
    """Whether what was just read is only compared with ``None``: nothing was asked of it."""
    following = [i for i in dis.get_instructions(frame.f_code) if i.offset > frame.f_lasti and i.opname != "CACHE"][:2]
    names = [i.opname for i in following]
    return bool(names) and (
        names[0].endswith(("IF_NONE", "IF_NOT_NONE"))
        or (len(names) > 1 and following[0].argval is None and names[0] == "LOAD_CONST" and names[1] == "IS_OP")
    )


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def _listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, (list, tuple)) else [values]


def _has_closure(args: Any, kwargs: Any) -> bool:
    return any(callable(one) for one in (*args[1:], *kwargs.values()))
