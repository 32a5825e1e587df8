"""What is left of a program when it ends, written to the file named in WITNESS: every program of the zoo ends in it."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy

# By package, since others have classes of these names: TensorFlow has a Parameter of functions.
_KINDS = {
    "torch": ("Tensor", "Parameter"),
    "tensorflow": ("Tensor", "EagerTensor", "ResourceVariable"),
    "jax": ("ArrayImpl",),
    "jaxlib": ("ArrayImpl",),
}
# Unseeded, they differ from process to process.
random.seed(0)
numpy.random.seed(0)


def testify(weights: Any) -> None:
    """Write down the weights, the random generators, the tensors that live, the filters of warnings, and the memory.

    Args:
        weights: arrays of any framework, in a fixed order.
    """
    facts: dict[str, Any] = {
        "weights": _digest(*(numpy.asarray(_plain(one)).tobytes() for one in weights)),
        "random": _digest(repr(random.getstate()).encode(), repr(numpy.random.get_state()).encode()),
        "warnings": [repr(each) for each in warnings.filters],
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        facts["torch random"] = _digest(bytes(torch.get_rng_state().tolist()))
        facts["grad mode"] = torch.is_grad_enabled()
    gc.collect()
    facts["living tensors"] = sum(_is_tensor(type(each)) for each in gc.get_objects())
    facts["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    Path(os.environ["WITNESS"]).write_text(json.dumps(facts), "utf-8")


def _is_tensor(cls: type) -> bool:
    return cls.__name__ in _KINDS.get(str(cls.__module__).partition(".")[0], ())


def _plain(tensor: Any) -> Any:
    return tensor.detach().cpu() if hasattr(tensor, "detach") else tensor


def _digest(*parts: bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()
