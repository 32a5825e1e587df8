"""The watch on gradient requests: ``backward``, gradients that the script reads itself.

What ``autograd.grad`` is asked for is heard in ``grads.py``, what optimizers ask for in ``steps.py``.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from functools import wraps
from types import FrameType
from typing import Any

import torch

from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch import scaling
from whygrad.recorders.torch.asking import Backward, Request, answer, guarded, is_tensor, nothing, site_of
from whygrad.recorders.torch.compiled import passed_over, unseen
from whygrad.recorders.torch.faults import is_foreign, is_unscaled
from whygrad.recorders.torch.grads import Grads
from whygrad.recorders.torch.originals import gradient_of
from whygrad.recorders.torch.outside import asked_of_a_number
from whygrad.recorders.torch.reached import Reach, Reached
from whygrad.recorders.torch.steps import Steps
from whygrad.recorders.torch.worth import worths

MOST_READS = 2000


class Requests:
    """Wraps what asks for gradients.

    Args:
        heard: told of every request; ``pause``: of an optimizer that begins and ends its own work.
        mark: notes losses in the log and gives the entry's number, -1 while not recording.
        recording: whether the leaves of a backward are worth looking at.
        now: the number that the log's next entry will have; ``fault``: told of an error of ours.

    Attributes:
        answered: told of a backward pass that is recorded, and of the leaves that it leads to.
        used: from a frame, the parameters that were computed with: meant where no optimizer holds any.
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
        self.heard, self.mark, self.recording, self.now, self.fault = heard, mark, recording, now, fault
        self.depth = 0
        self.patches = Patches()
        self.pending: list[Backward] = []
        self.steps = Steps(heard, self.pending, pause, now, fault)
        self.grads = Grads(self)
        self.reached = Reached(self.steps.held)
        self.answered: Callable[[Backward, Sequence[Any]], None] = lambda call, leaves: None
        self.used: Callable[[FrameType | None], list[Any]] = lambda frame: []
        self.asked_at: dict[tuple[Any, ...], int] = {}

    def install(self) -> None:
        """Wrap the functions and hook into the optimizers."""
        self.patches.replace(torch.Tensor, "backward", self._backward(torch.Tensor.backward, "torch.Tensor.backward"))
        wrapper = self._backward(torch.autograd.backward, "torch.autograd.backward")
        self.patches.replace(torch.autograd, "backward", wrapper)
        self.patches.replace(torch.autograd, "grad", self.grads.listening(torch.autograd.grad))
        self.steps.install(self.patches)
        scaling.install(self.patches, self.steps)

    def finish(self, error: str | None) -> None:
        """The script has ended: what no optimizer took up is asked now.

        Args:
            error: what it ended in; a loss scaler refuses to step an optimizer that no backward pass gave anything.
        """
        last = self.pending[-1] if self.pending and error is not None and is_unscaled(error) else None
        held = self.steps.meant() if last is not None and not last.consumed else []
        if last is not None and last.known and held and not last.leaves & {id(p) for p in held}:
            last.consumed = True
            site = ("raised", *site_of(last.stack))
            self.heard(Request(last.api, site, last.stack, None, held, nothing(held), (last.mark,), self.steps.last()))
        self._leftover(None)
        number = asked_of_a_number(error) if self.recording() else None
        if number is not None:
            stack, sources = frames.capture(number.frame), self.steps.meant() or self.used(number.frame)
            site, marks, opened = ("raised", *site_of(stack)), (self.mark(()),), self.steps.last()
            api, seen, raised = "torch.Tensor.backward", nothing(sources), number.error
            self.heard(
                Request(api, site, stack, number.frame, sources, seen, marks, opened, raised, target_text=number.text)
            )

    def unread(self) -> bool:
        """Whether there is a backward call whose gradients the script has not begun to read."""
        return bool(self.pending) and not self.depth and not self.pending[-1].reads

    def read(self, tensor: Any, gradient: Any, frame: FrameType) -> None:
        """The script reads ``.grad`` of a tensor: by hand, it asks for it.

        A gradient that is not there is told at once: what follows may well fail on it. One that is only compared with
        ``None`` is asked for where no optimizer lives: an update by hand skips by it the parameters it should move.
        """
        if not self.pending or self.depth:
            return
        spared = guarded(frame)
        if spared and (gradient is not None or not tensor.requires_grad or self.steps.optimizers):
            return
        call = self.pending[-1]
        if len(call.reads) < MOST_READS:
            call.reads.append(weakref.ref(tensor))
        if gradient is None and not spared and not call.told:
            self._by_hand(call, frame)

    def _backward(self, original: Callable[..., Any], api: str) -> Callable[..., Any]:
        requests = self

        @passed_over
        @wraps(original)
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling() or requests.depth:
                return original(tensors, *args, **kwargs)
            call, reach = requests._begin(tensors, api, sys._getframe(1))
            requests.depth += 1
            try:
                result = original(tensors, *args, **kwargs)
            except BaseException as error:
                requests._failed(call, reach, error, sys._getframe(1))
                raise
            finally:
                requests.depth -= 1
            requests._given(call, reach)
            return result

        return backward

    @unseen
    def _begin(self, tensors: Any, api: str, frame: FrameType) -> tuple[Backward, Reach | None]:
        call, reach = Backward(api, ()), None
        try:
            recording = self.recording()
            if recording or not self.steps.any or any(c.reads for c in self.pending):
                call.stack = frames.capture(frame)
                site = site_of(call.stack)
                self._leftover(frame, call.stack, site)
            else:  # nothing would be told of it
                self.pending[:] = [c for c in self.pending if not c.consumed]
            if recording:
                targets = [t for t in (tensors if isinstance(tensors, (list, tuple)) else [tensors]) if is_tensor(t)]
                call.mark = self.mark(targets)
                reach = self.reached.before(site, targets)
                call.leaves, call.known = reach.ids, True
            self.steps.passes += 1
            self.pending.append(call)
            del self.pending[:-64]
        except Exception as error:
            self.fault(error)
        return call, reach

    @unseen
    def _given(self, call: Backward, reach: Reach | None) -> None:
        """A backward function may answer nothing, and what is there now may be cleared before anybody looks."""
        if reach is None:
            return
        try:
            if self.reached.after(reach):
                call.leaves = reach.ids
            with torch._C.DisableTorchFunction():
                call.got = worths([(id(leaf), gradient_of(leaf)) for leaf in reach.leaves])
            self.steps.led_to(call.leaves)
            self.answered(call, reach.leaves)
        except Exception as error:
            self.fault(error)

    @unseen
    def _failed(self, call: Backward, reach: Reach | None, error: BaseException, frame: FrameType) -> None:
        try:
            call.error, call.consumed = error, True
            if reach is not None and self.reached.after(reach):
                call.leaves = reach.ids
            if not is_foreign(error):
                self.raised(call.api, call.stack or frames.capture(frame), frame, (call.mark,), error)
        except Exception as fault:
            self.fault(fault)

    def raised(
        self,
        api: str,
        stack: frames.Stack,
        frame: FrameType | None,
        marks: tuple[int, ...],
        error: BaseException,
        inputs: tuple[int, ...] = (),
    ) -> None:
        """A request, or an operation before it, came to nothing: what every living optimizer holds was asked for.

        Without one, all that the script computed with was.

        Args:
            inputs: serials of what the operation read.
        """
        sources, opened = self.steps.held() or self.used(frame), self.steps.last()
        site, seen = ("raised", *site_of(stack)), nothing(sources)
        if sources:
            self.heard(Request(api, site, stack, frame, sources, seen, marks, opened, error, inputs))

    def _leftover(self, frame: FrameType | None, stack: frames.Stack = (), site: tuple[Any, ...] = ()) -> None:
        """Backward calls that no optimizer took up: asked was the gradient of what the script then read."""
        if not self.pending:
            return
        for call in [c for c in self.pending if c.consumed and c.reads]:
            self._by_hand(call, frame, lost=False)
        for call in [c for c in self.pending if not c.consumed and (not stack or site_of(c.stack) == site)]:
            if stack and not call.reads and self.steps.any:
                continue  # one of several whose sum an optimizer will take
            call.consumed = True
            if call.told < len(call.reads):
                self._by_hand(call, frame)
            elif not call.reads and not self.steps.any:
                self.heard(Request(call.api, ("backward", *site_of(call.stack)), call.stack, frame, (), (), (), 0))
        self.pending[:] = [c for c in self.pending if not c.consumed]

    def _by_hand(self, call: Backward, frame: FrameType | None, lost: bool = True) -> None:
        """Ask for what the script read after a backward call, and no optimizer holds.

        Args:
            lost: what has no gradient was meant too, and not only looked at beside what an optimizer did.
        """
        held = {id(p) for p in self.steps.held()}
        read = [t for ref in call.reads if (t := ref()) is not None and id(t) not in held]
        sources = [t for t in {id(t): t for t in read}.values() if lost or answer(t, call.got) == "present"]
        if not sources or call.mark < 0:
            return
        seen = tuple(answer(t, call.got) for t in sources)
        more, call.told = bool(call.told), len(call.reads) if "none" in seen else 0
        key = ("read", *site_of(call.stack))
        opened = self.asked_at.get(key, 0)
        if not call.told:
            self.asked_at[key] = self.now()
        self.heard(
            Request(call.api, key, call.stack, frame, sources, seen, (call.mark,), opened, got=call.got, more=more)
        )
