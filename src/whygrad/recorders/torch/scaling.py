"""Loss scalers, which leave out an optimizer's step when a gradient is not finite: whether they ever let one pass."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch

from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.asking import is_tensor
from whygrad.recorders.torch.compiled import passed_over, unseen
from whygrad.recorders.torch.steps import Steps
from whygrad.recorders.torch.worth import worth


def install(patches: Patches, steps: Steps) -> None:
    """Listen to the steps that a scaler is asked for."""
    original = torch.amp.GradScaler.step

    @passed_over
    @wraps(original)
    def step(self: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        before = steps.pace_of(optimizer).steps
        result = original(self, optimizer, *args, **kwargs)
        if before == steps.pace_of(optimizer).steps and not torch.compiler.is_compiling():
            steps.skipped(optimizer, sys._getframe(1), _scale_of(self))
        return result

    patches.replace(torch.amp.GradScaler, "step", step)
    patches.replace(torch.amp.GradScaler, "scale", _scaling(torch.amp.GradScaler.scale, steps))


def _scaling(original: Callable[..., Any], steps: Steps) -> Callable[..., Any]:
    """Hears of losses that are finite, and too large once they are scaled: it is no fault of theirs."""

    @passed_over
    @wraps(original)
    def scale(self: Any, outputs: Any) -> Any:
        result = original(self, outputs)
        if not torch.compiler.is_compiling():
            _scaled(steps, outputs, result)
        return result

    return scale


@unseen
def _scaled(steps: Steps, loss: Any, scaled: Any) -> None:
    recorder = steps.recorder
    try:
        if recorder.recording and is_tensor(scaled) and worth(scaled) == "nonfinite" != worth(loss):
            recorder.hooks.values.overscaled[scaled] = True
    except Exception as error:
        steps.fault(error)


def _scale_of(scaler: Any) -> float:
    try:
        return float(scaler.get_scale())
    except Exception:
        return 0.0
