"""The watch on ``torch.autograd.grad``, and on what the functions of ``torch.func`` ask by it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch

from whygrad.graph import GradientSeen
from whygrad.recorders import frames
from whygrad.recorders.torch.asking import Request, is_tensor, listed, nothing, site_of
from whygrad.recorders.torch.compiled import passed_over, unseen
from whygrad.recorders.torch.faults import is_foreign
from whygrad.recorders.torch.worth import worths

if TYPE_CHECKING:
    from whygrad.recorders.torch.requests import Requests


class Grads:
    """Hears what is asked for by a function that hands the gradients back.

    Args:
        requests: the watch that it is a part of.

    Attributes:
        outermost: what a tensor is a wrap of, and the transform that wrapped it; ``derived``: told what ``grad`` gave;
            ``refused``: told of an error where it was asked of nothing.
    """

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self.outermost: Callable[[Any], tuple[Any, str]] = lambda tensor: (tensor, "")
        self.refused: Callable[[BaseException, Any, FrameType], None] = lambda error, inputs, frame: None
        self.derived: Callable[[Sequence[Any], Sequence[Any], FrameType], None] = lambda outputs, answers, frame: None

    def listening(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """``torch.autograd.grad`` that tells of each request."""
        grads, requests = self, self.requests

        @passed_over
        @wraps(original)
        def grad(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling() or requests.depth:
                return original(outputs, inputs, *args, **kwargs)
            frame = sys._getframe(1)
            # Torch makes tuples of generators, which can be gone through once only.
            outputs = tuple(outputs) if isinstance(outputs, Iterator) else outputs
            inputs = tuple(inputs) if isinstance(inputs, Iterator) else inputs
            sources, transform, mark = grads._opened(outputs, inputs)
            requests.depth += 1
            try:
                result = original(outputs, inputs, *args, **kwargs)
            except BaseException as error:
                if not sources:
                    grads._refused(error, inputs, frame)
                elif not is_foreign(error):
                    grads._asked(mark, sources, nothing(sources), frame, transform, error)
                raise
            finally:
                requests.depth -= 1
            grads._answered(mark, sources, result, frame, transform, outputs)
            return result

        return grad

    @unseen
    def _answered(self, mark: int, sources: Any, result: Any, frame: FrameType, transform: str, outputs: Any) -> None:
        try:
            answers = listed(result)
            seen: tuple[GradientSeen, ...] = tuple("none" if one is None else "present" for one in answers)
            given = worths((id(s), a) for s, a in zip(sources, answers, strict=True)) if mark >= 0 else {}
            if mark >= 0:
                self.derived(listed(outputs), answers, frame)
        except Exception as error:
            self.requests.fault(error)
            return
        self._asked(mark, sources, seen, frame, transform, None, given)

    @unseen
    def _refused(self, error: BaseException, inputs: Any, frame: FrameType) -> None:
        try:
            self.refused(error, inputs, frame)
        except Exception as fault:
            self.requests.fault(fault)

    def unanswered(self, transform: str, mark: int, sources: Sequence[Any], frame: FrameType) -> None:
        """A function of ``torch.func`` gave zeros for all that it was asked for."""
        self._asked(mark, sources, nothing(sources), frame, transform, None)

    @unseen
    def _opened(self, outputs: Any, inputs: Any) -> tuple[list[Any], str, int]:
        """What is asked for, for wraps what they wrap; the transform of ``torch.func`` that asks; the log's entry.

        Nothing where edges are asked for.
        """
        try:
            asked = listed(inputs)
            if not all(map(is_tensor, asked)):  # an edge of autograd's graph: a place, and no value
                return [], "", -1
            found = [self.outermost(one) for one in asked]
            mark = self.requests.mark([t for t in listed(outputs) if is_tensor(t)]) if self.requests.recording() else -1
            return [outer for outer, _ in found], next((name for _, name in found if name), ""), mark
        except Exception as error:
            self.requests.fault(error)
            return [], "", -1

    @unseen
    def _asked(
        self,
        mark: int,
        sources: Sequence[Any],
        seen: tuple[GradientSeen, ...],
        frame: FrameType,
        transform: str,
        error: BaseException | None,
        got: Mapping[int, GradientSeen] | None = None,
    ) -> None:
        try:
            stack = frames.capture(frame)
            site = ("grad", *site_of(stack))
            opened = self.requests.asked_at.get(site, 0)
            self.requests.asked_at[site] = self.requests.now()
            self.requests.steps.answered(mark, sources)
            api = f"torch.func.{transform}" if transform else "torch.autograd.grad"
            if sources:
                self.requests.heard(
                    Request(api, site, stack, frame, sources, seen, (mark,), opened, error, got=got or {})
                )
        except Exception as fault:
            self.requests.fault(fault)
