"""What a script meant to train, where no optimizer holds anything: it made none, or one refused what it was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch

from whygrad.graph import Graph
from whygrad.recorders import frames
from whygrad.recorders.naming import unique
from whygrad.recorders.torch.asking import Request, is_tensor, nothing, site_of
from whygrad.recorders.torch.closing import close
from whygrad.recorders.torch.faults import kind_of
from whygrad.recorders.torch.names import Home, Names
from whygrad.recorders.torch.parameters import Described, describe

if TYPE_CHECKING:
    from whygrad.recorders.torch import Torch


def used(recorder: Torch, names: Names) -> list[Any]:
    """The parameters that the script computed with: those that can be trained, if there are any."""
    modules = list(recorder.lives.modules)
    held = [p for m in modules for p in m._parameters.values() if p is not None]
    bare = [t for t in names.tensors() if t.is_leaf and t.requires_grad]
    met = list({id(t): t for t in [*held, *bare] if recorder.log.known(t)}.values())
    return [t for t in met if t.requires_grad] or met


def refused(recorder: Torch, error: BaseException, given: Any, frame: FrameType, names: Names) -> Graph | None:
    """What an optimizer, or ``grad``, was to get, as a request that came to nothing; ``None`` for another error.

    Args:
        given: what it was given.
        frame: the frame that made the optimizer, or called ``grad``.
    """
    kind = kind_of(str(error))
    if kind is None:
        return None
    sources = (
        [t for t in _tensors(given) if not t.is_leaf] if kind == "non-leaf" else _candidates(recorder, names, kind)
    )
    if not sources:
        return None
    stack = frames.capture(frame)
    seen = nothing(sources)
    api = "torch.autograd.grad" if kind == "nothing-asked" else "torch.optim.Optimizer"
    request = Request(api, ("made", *site_of(stack)), stack, frame, sources, seen, (), 0, error)
    found = [_as_held(d) for d in describe(sources, seen, names, recorder.known, recorder.lives.modules)]
    paths = unique([d.path for d in found])
    return close(recorder, request, [replace(d, path=p) for d, p in zip(found, paths, strict=True)], names)


def _tensors(given: Any) -> list[Any]:
    groups = [group.get("params", ()) if isinstance(group, dict) else group for group in _listed(given)]
    return [t for group in groups for t in _listed(group) if is_tensor(t)]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _candidates(recorder: Torch, names: Names, kind: str) -> list[Any]:
    """The parameters that the script can name and, where an optimizer was to get them, that no other one holds."""
    taken = {id(p) for p in recorder.requests.steps.held()} if kind != "nothing-asked" else set()
    return [p for p in _named(names) if id(p) in names.homes and id(p) not in taken]


def _named(names: Names) -> Iterable[Any]:
    trees: Sequence[Any] = [module for module, _, _ in names.trees.values()]
    loose = [reference() for reference in names.loose.values()]
    found = [*(p for m in trees for p in m._parameters.values()), *loose]
    return [p for p in {id(p): p for p in found if p is not None}.values() if isinstance(p, torch.nn.Parameter)]


def _as_held(described: Described) -> Described:
    """One that its module does not list was not asked for: that is what is wrong with it."""
    home: Home | None = described.home
    hidden = home is not None and home.module is not None and not home.tracked
    return replace(described, asked=False, tracked=False, in_model=True) if hidden else described
