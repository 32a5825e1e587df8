"""Clipping: by Keras' optimizers, whose settings tell what they do, and by ``tf.clip_by_global_norm`` in eager code."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from whygrad.recorders.patching import Patches
from whygrad.recorders.tensorflow.reading import array_of
from whygrad.recorders.tensorflow.tapes import building
from whygrad.watching.health import Clipping, Gradient

Clipped = tuple[Clipping | None, list[float | None], list[Gradient | None]]


class Clips:
    """What is known of the clipping of the gradients that an optimizer is handed next.

    Args:
        expected: whether the next step is going to be looked at.
        quietly: runs a function so that nothing of it is recorded, and no error of it reaches the script.
    """

    def __init__(self, expected: Callable[[], bool], quietly: Callable[[Callable[[], Any]], Any]) -> None:
        self._expected, self._quietly = expected, quietly
        self._by_hand: tuple[float | None, float | None] | None = None  # the bound, and the norm that came in

    def install(self, patches: Patches) -> None:
        """Listen to clipping by hand."""
        home = sys.modules["tensorflow"]
        original = home.clip_by_global_norm
        clips = self

        @wraps(original)
        def clip_by_global_norm(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            bound = args[1] if len(args) > 1 else kwargs.get("clip_norm")
            if building() is None and clips._expected():
                clips._by_hand = clips._quietly(lambda: (_number(bound), _number(result[1])))
            return result

        patches.replace(home, "clip_by_global_norm", clip_by_global_norm)

    def of(self, optimizer: Any, gradients: Sequence[Gradient | None], compiled: bool) -> Clipped:
        """The clipping of a step, the norm of each gradient before it, and the gradients behind it.

        Args:
            gradients: as they were handed over, or, of a compiled step, behind the optimizer's own clipping.
        """
        by_hand, self._by_hand = self._by_hand, None
        unknown: list[float | None] = [None] * len(gradients)
        total = math.hypot(*(g.norm for g in gradients if g is not None))
        for name, how in _SETTINGS.items():
            own = getattr(optimizer, name, None)
            if own and compiled:
                seen = total if any(g is not None for g in gradients) else None
                return Clipping(how, float(own), None, seen), unknown, list(gradients)  # type: ignore[arg-type]
            if own:
                return _clipped(how, float(own), total, gradients)
        bound, before = by_hand if by_hand is not None else (None, None)
        if bound is not None and not compiled:
            clipping = Clipping("total", bound, before, min(total, bound) if before is not None else None)
            factor = min(1.0, bound / before) if before else 1.0
            norms = [None if g is None or not factor else g.norm / factor for g in gradients]
            return clipping, norms, list(gradients)
        return None, unknown, list(gradients)


_SETTINGS = {"clipnorm": "each", "global_clipnorm": "total", "clipvalue": "value"}


def _clipped(how: str, bound: float, total: float, gradients: Sequence[Gradient | None]) -> Clipped:
    """What an optimizer makes of gradients that are handed to it."""
    norms = [None if g is None else g.norm for g in gradients]
    if how == "value":
        return Clipping("value", bound, total, None), norms, list(gradients)
    scale = min(1.0, bound / total) if total and math.isfinite(total) else 1.0
    factors = [scale if how == "total" or not norm else min(1.0, bound / norm) for norm in norms]
    behind = [
        None if g is None else Gradient(g.norm * factor, g.zeros, g.nonfinite)
        for g, factor in zip(gradients, factors, strict=True)
    ]
    after = math.hypot(*(g.norm for g in behind if g is not None))
    return Clipping(how, bound, total, after), norms, behind  # type: ignore[arg-type]


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float)):
        return float(value)
    array = array_of(value)
    return None if array is None else float(array)
