"""The gradient requests of TensorFlow: ``GradientTape.gradient``, ``jacobian`` and ``batch_jacobian``."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from types import FrameType
from typing import Any

from whygrad.graph import GradientSeen
from whygrad.recorders import frames
from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow import autograph
from whygrad.recorders.tensorflow.backwards import zero_by_construction
from whygrad.recorders.tensorflow.tracebacks import hide_ours
from whygrad.recorders.tensorflow.values import worth

_METHODS = ("gradient", "jacobian", "batch_jacobian")


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it went: arguments, answer, and where it stood. Lives only inside the wrapper."""

    api: str
    tape: Any
    target: Any
    sources: Sequence[Any]
    seen: tuple[GradientSeen, ...]
    answers: Sequence[Any]
    error: BaseException | None
    frame: FrameType
    stack: frames.Stack
    operations: int
    zero_filled: bool
    cotangents: Mapping[int, GradientSeen] = field(default_factory=dict)

    def tensors(self) -> tuple[frozenset[int], frozenset[int]]:
        """The ids of what was differentiated, and of the gradients."""
        return _ids(self.target), _ids(self.answers)


class _Depth(threading.local):
    """How many requests are open in this thread."""

    depth = 0


class Requests:
    """The watch on gradient requests.

    Args:
        heard: told of every outermost one.
        inside: told the tape and the answers of those that TensorFlow makes within one.
        fault: told of an error of ours.
    """

    def __init__(
        self,
        heard: Callable[[Request], None],
        inside: Callable[[Any, Sequence[Any]], None],
        fault: Callable[[BaseException], None],
    ) -> None:
        self.heard = heard
        self.inside = inside
        self.fault = fault
        self.local = _Depth()
        self.patches = Patches()

    def install(self) -> None:
        """Wrap the three methods."""
        from tensorflow.python.eager.backprop import GradientTape

        for name in _METHODS:
            self.patches.replace(GradientTape, name, self._wrapper(getattr(GradientTape, name), name))
        hide_ours(self.patches)  # for as long as a method of ours stands around operations

    def remove(self) -> None:
        """Unwrap them."""
        self.patches.undo()

    def _wrapper(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        requests = self

        @wraps(original)
        def method(self: Any, target: Any, *args: Any, **kwargs: Any) -> Any:
            # jacobian asks gradient, and so does a recomputed function in the middle of a backward pass.
            if requests.local.depth:
                result = original(self, target, *args, **kwargs)
                requests._tell_inside(self, result)
                return result
            requests.local.depth += 1
            before = _operations(target)
            try:
                result = original(self, target, *args, **kwargs)
            except BaseException as error:
                requests._tell(name, self, target, args, kwargs, None, error, before, sys._getframe(1))
                raise
            finally:
                requests.local.depth -= 1
            requests._tell(name, self, target, args, kwargs, result, None, before, sys._getframe(1))
            return result

        return method

    def _tell_inside(self, tape: Any, result: Any) -> None:
        try:
            if isinstance(result, (list, tuple)):
                self.inside(tape, result)
        except Exception as fault:
            self.fault(fault)

    def _tell(
        self,
        name: str,
        tape: Any,
        target: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
        error: BaseException | None,
        before: int,
        frame: FrameType,
    ) -> None:
        try:
            from tensorflow.python.util import nest

            sources = nest.flatten(args[0] if args else kwargs["sources" if name != "batch_jacobian" else "source"])
            answers = nest.flatten(result) if error is None else [None] * len(sources)
            unconnected = args[2] if name == "gradient" and len(args) > 2 else kwargs.get("unconnected_gradients")
            self.heard(
                Request(
                    f"tf.GradientTape.{name}",
                    tape,
                    target,
                    sources,
                    tuple("none" if one is None else "present" for one in answers),
                    answers,
                    error,
                    frame,
                    autograph.capture(frame),
                    before,
                    "zero" in str(getattr(unconnected, "value", unconnected)).lower(),
                )
            )
        except Exception as fault:
            self.fault(fault)


def _ids(given: Any) -> frozenset[int]:
    from tensorflow.python.util import nest

    numbers = (getattr(one, "_id", None) for one in nest.flatten(given, expand_composites=True))
    return frozenset(number for number in numbers if isinstance(number, int))


def _operations(target: Any) -> int:
    """How many operations the target's graph has, before the backward pass adds its own; 0 when eager."""
    try:
        from tensorflow.python.util import nest

        for tensor in nest.flatten(target):
            graph = getattr(tensor, "graph", None) if not hasattr(tensor, "_numpy_internal") else None
            if graph is not None:
                return len(graph.get_operations())
    except Exception:
        pass
    return 0


def measured(answer: Any) -> GradientSeen:
    """What a gradient is worth: looked at where it is at hand (eager), else only whether zeros were made for it."""
    values = getattr(answer, "values", answer)
    if hasattr(values, "op") and not hasattr(values, "_numpy_internal"):
        return "zero" if zero_by_construction(values) else "present"
    return worth(answer)


def site_of(stack: frames.Stack) -> tuple[Any, ...]:
    """The place of a request: the same again means a new step."""
    return tuple(place[:2] if isinstance(place[0], str) else (id(place[0]), place[1]) for place in stack)
