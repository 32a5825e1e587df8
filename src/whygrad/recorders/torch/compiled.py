"""``torch.compile``: compiled code is not heard, so while we record it runs as it was written.

``torch.compiler.set_stance`` is public, and the stance that was found is put back.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import Any

import torch

from whygrad.recorders.patching import Patches


def install(patches: Patches) -> None:
    """Take the stance once the script compiles something: before, it would only cost the import of the compiler."""
    original = torch.compile
    taken: list[Any] = []

    def take() -> None:
        if not taken:
            from torch._dynamo import eval_frame

            taken.append(eval_frame._stance)
            torch.compiler.set_stance("force_eager")

    def give_back() -> None:
        if taken:
            vars(sys.modules["torch._dynamo.eval_frame"])["_stance"] = taken.pop()

    @wraps(original)
    def compile(*args: Any, **kwargs: Any) -> Any:
        compiled = original(*args, **kwargs)
        if patches.on:
            take()
        return compiled

    patches.replace(torch, "compile", compile)
    patches.defer(give_back)
    if "torch._dynamo.eval_frame" in sys.modules:
        take()
