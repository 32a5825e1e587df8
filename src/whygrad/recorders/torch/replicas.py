"""``DistributedDataParallel``: it waits for every gradient, and raises in the next step where one is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch
from torch.utils.weak import WeakIdKeyDictionary

from whygrad.recorders.patching import Patches
from whygrad.recorders.torch.log import Log
from whygrad.recorders.torch.parameters import Described


class Replicas:
    """The wrappers that live, made while recording.

    Attributes:
        coming: told when a wrapper is about to run that still waits for a gradient.
    """

    def __init__(self, log: Log, fault: Callable[[BaseException], None]) -> None:
        self.log = log
        self.fault = fault
        self.coming: Callable[[], None] = lambda: None
        # Wrapper to whether a request has shown that it waits in vain.
        self._wrappers = WeakIdKeyDictionary()

    def install(self, patches: Patches) -> None:
        """Patch the wrapper: it reads every parameter when it is made, which is no use of them."""
        replicas, wrapper, log = self, torch.nn.parallel.DistributedDataParallel, self.log
        original: Any = wrapper.__init__
        forward: Any = wrapper.forward

        @wraps(original)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            if not patches.on:
                original(self, *args, **kwargs)
                return
            with log.own_work():
                original(self, *args, **kwargs)
            replicas._wrappers[self] = False

        @wraps(forward)
        def run(self: Any, *args: Any, **kwargs: Any) -> Any:
            if patches.on:
                replicas._comes(self)
            return forward(self, *args, **kwargs)

        patches.replace(wrapper, "__init__", __init__)
        patches.replace(wrapper, "forward", run)

    def awaited(self, described: Sequence[Described]) -> dict[int, bool]:
        """By ``id`` of the sources without a gradient that a wrapper holds: whether it waits for them."""
        missing = {id(d.tensor) for d in described if d.asked and d.seen == "none"}
        found: dict[int, bool] = {}
        for wrapper in list(self._wrappers) if missing else ():
            mine = missing & _held_by(wrapper)
            waits = not (wrapper.find_unused_parameters or wrapper.static_graph)
            found |= dict.fromkeys(mine, waits)
            self._wrappers[wrapper] = waits and bool(mine)
        return found

    def _comes(self, wrapper: Any) -> None:
        try:
            if self._wrappers.get(wrapper) and torch.is_grad_enabled():
                self._wrappers[wrapper] = False
                self.coming()
        except Exception as error:
            self.fault(error)


def _held_by(wrapper: Any) -> set[int]:
    """Ids of the parameters whose gradients the processes share."""
    passed = wrapper.parameters_to_ignore
    return {id(p) for name, p in wrapper.module.named_parameters() if p.requires_grad and name not in passed}
