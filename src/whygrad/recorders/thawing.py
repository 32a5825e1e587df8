"""Layers that are thawed in the middle of a ``fit``, whose training step was built before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from whygrad.recorders import frames

# The epoch in which it happens may be over already; another whole one is to learn.
_EPOCHS_AFTER = 2


@dataclass(slots=True)
class _Fit:
    """A call of ``fit``: its place, and how many epochs were over at each thaw."""

    model: Any
    stack: frames.Stack
    thaws: list[int] = field(default_factory=list)


class Thawing:
    """The calls of ``fit`` that run, the innermost last."""

    def __init__(self) -> None:
        self._fits: list[_Fit] = []

    def begin(self, model: Any, stack: frames.Stack) -> None:
        """A ``fit`` begins; it holds the model until its end."""
        self._fits.append(_Fit(model, stack))

    def thawed(self) -> None:
        """The script has thawed a layer."""
        if self._fits:
            self._fits[-1].thaws.append(_epochs(self._fits[-1].model))

    def end(self, model: Any) -> tuple[bool, frames.Stack]:
        """A ``fit`` is over: whether a layer was thawed in it, and its place if epochs were trained after that."""
        if not self._fits or self._fits[-1].model is not model:
            return False, ()
        fit = self._fits.pop()
        over = _epochs(model)
        return bool(fit.thaws), fit.stack if any(over - at >= _EPOCHS_AFTER for at in fit.thaws) else ()


def _epochs(model: Any) -> int:
    """How many epochs of the present ``fit`` are over."""
    epochs = getattr(getattr(model, "history", None), "epoch", ())
    return len(epochs) if isinstance(epochs, (list, tuple)) else 0
