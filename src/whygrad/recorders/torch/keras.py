"""Keras on PyTorch: Keras' names for what torch runs."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any

import torch

from whygrad.graph import Graph
from whygrad.recorders.keras import Layers, ThreadScopes
from whygrad.recorders.lives import Lives, packages
from whygrad.recorders.ownership import Owners
from whygrad.recorders.patching import Patches
from whygrad.recorders.torch import tensors
from whygrad.recorders.torch.keras_optimizers import Optimizers, values_of
from whygrad.recorders.torch.log import Log
from whygrad.recorders.torch.names import Home, Names
from whygrad.recorders.torch.steps import Steps

_OPTIMIZER = ("keras.src.optimizers.base_optimizer", "BaseOptimizer")
_SYMBOLIC = ("keras.src.backend.common.symbolic_scope", "SymbolicScope")
# What the back end calls its variables, and what Keras makes of that.
_VARIABLES = (("keras.src.backend.torch.core", "Variable"), ("keras.src.backend", "Variable"))


class Keras:
    """Listens to Keras where it computes with torch; does nothing where it does not.

    Args:
        log: where the recorder notes what runs.
        steps: told of what an optimizer is handed.
        told: gets the Graph of a ``fit`` that can not train what it should.
        fault: told of an error of ours.
    """

    def __init__(
        self, log: Log, steps: Steps, told: Callable[[Graph], None], fault: Callable[[BaseException], None]
    ) -> None:
        self.log, self.fault = log, fault
        self.lives = Lives("torch", told, fault)
        self.layers = Layers(ThreadScopes(), self.lives)
        self.patches = Patches()
        self.heard = False
        self.optimizers = Optimizers(steps, fault)
        steps.also_held = self.held

    def start(self) -> None:
        """Listen to a Keras that is imported by now, for good."""
        if self.heard or not packages("torch"):
            return
        self.heard = True
        self.lives.start()
        self.optimizers.start(_class(*_OPTIMIZER), self.patches)
        variables = {_class(*name) for name in _VARIABLES}
        tensors.HOLDERS.update(variables)
        self.patches.defer(lambda: tensors.HOLDERS.difference_update(variables))

    def wake(self) -> None:
        """Listen to its layers."""
        if self.heard:
            self.layers.wake(self.fault)
            self._symbolic(_class(*_SYMBOLIC))

    def rest(self) -> None:
        """Listen no more to its layers."""
        self.layers.rest()

    def stop(self) -> None:
        """Take every hook off."""
        self.layers.rest()
        self.lives.stop()
        self.patches.undo()
        self.heard = False

    def variable(self, tensor: Any) -> Any | None:
        """The Keras variable whose value a tensor is."""
        return next((v for v in self.lives.variables() if v._value is tensor), None)

    def held(self) -> list[Any]:
        """What Keras' living optimizers were built for; before any is, all that may be trained."""
        if not self.heard:
            return []
        return values_of(self.optimizers.built() or [v for v in self.lives.variables() if v.trainable])

    def rename(self, names: Names, frame: FrameType | None) -> None:
        """Put Keras' names in the place of those that torch has for its layers and variables."""
        if not self.heard:
            return
        layer = _class("keras.src.layers.layer", "Layer")
        for path, (module, _, _) in list(names.trees.items()):
            if isinstance(module, layer) or "._torch_params" in path:
                del names.trees[path]
        for path, _, reference in self.layers.calls:
            if (called := reference()) is not None:
                names.modules[id(called)] = path
        owners = Owners(frame, self.lives, id)
        for variable in self.lives.variables():
            tensor = variable._value
            if not isinstance(tensor, torch.Tensor):
                continue
            owner = owners.of(id(variable))
            names.homes[id(tensor)] = Home(
                str(variable.path),
                owner.layer if owner is not None else None,
                owner.tracked if owner is not None else None,
                owner.path if owner is not None else None,
            )
            names.variables[id(tensor)] = weakref.ref(variable)

    def _symbolic(self, scope: Any) -> None:
        """What Keras runs only to learn shapes is no part of the program."""
        local, entered, left = self.log.local, scope.__enter__, scope.__exit__

        @wraps(entered)
        def __enter__(self: Any) -> Any:
            self._whygrad_busy, local.busy = local.busy, True
            return entered(self)

        @wraps(left)
        def __exit__(self: Any, *args: Any, **kwargs: Any) -> Any:
            local.busy = vars(self).pop("_whygrad_busy", False)
            return left(self, *args, **kwargs)

        self.layers.patches.replace(scope, "__enter__", __enter__)
        self.layers.patches.replace(scope, "__exit__", __exit__)


def _class(module: str, name: str) -> Any:
    return getattr(sys.modules[module], name)
