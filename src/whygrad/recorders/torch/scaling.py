"""Loss scalers, which leave out an optimizer's step when a gradient is not finite: whether they ever let one pass."""

from __future__ import annotations

import sys
from functools import wraps
from typing import Any

import torch

from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.compiled import passed_over
from whygrad.recorders.torch.steps import Steps


def install(patches: Patches, steps: Steps) -> None:
    """Listen to the steps that a scaler is asked for."""
    original = torch.amp.GradScaler.step

    @passed_over
    @wraps(original)
    def step(self: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        before = steps.count(optimizer)
        result = original(self, optimizer, *args, **kwargs)
        if before == steps.count(optimizer) and not torch.compiler.is_compiling():
            steps.skipped(optimizer, sys._getframe(1))
        return result

    patches.replace(torch.amp.GradScaler, "step", step)
