"""Labels and masks of Optax that do not fit the parameters: which of these they say nothing of."""

from __future__ import annotations

from types import FrameType, TracebackType
from typing import Any

from jax.tree_util import tree_flatten_with_path

from whygrad.graph import Fault
from whygrad.recorders import frames
from whygrad.recorders.jax.trees import PACKAGE, Misfit, parameters_of

# What Optax calls the tree that says something of each parameter, and the parameters, where it puts both together.
_SAID, _TREE, _KNOWN = ("labels", "mask_tree"), ("updates", "params", "pytree"), "transforms"


def unlabelled(error: BaseException, made: frames.Stack) -> Misfit | None:
    """What an error is about, if labels or a mask leave out some parameters, or name what no transformation is for.

    Args:
        made: where the script made the last optimizer that sorts parameters.
    """
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if frames.package_of(trace.tb_frame.f_code.co_filename) == PACKAGE:
            found = _missing(trace.tb_frame)
            if found is not None:
                return Misfit(Fault("labels", frames.spans(made), bool(made)), tuple(parameters_of(found)))
        trace = trace.tb_next
    return None


def _missing(frame: FrameType) -> Any | None:
    """The parameters of which nothing is said, or something that no transformation is for, as a tree of them alone."""
    held = dict(frames.local_variables(frame))
    said = next((held[name] for name in _SAID if held.get(name) is not None), None)
    tree = next((held[name] for name in _TREE if held.get(name) is not None), None)
    if said is None or tree is None:
        return None
    known = held.get(_KNOWN)
    labels = dict(tree_flatten_with_path(said)[0])
    served = {path for path, label in labels.items() if known is None or label in known}
    leaves, structure = tree_flatten_with_path(tree)
    missing = [not any(path[:n] in served for n in range(len(path) + 1)) for path, _ in leaves]
    chosen = [leaf if miss else None for (_, leaf), miss in zip(leaves, missing, strict=True)]
    return structure.unflatten(chosen) if any(missing) else None
