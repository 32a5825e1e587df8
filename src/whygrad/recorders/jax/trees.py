"""Errors over trees that do not fit: what was handed to Optax or mapped together, and what is no array among arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from types import FrameType, TracebackType
from typing import Any

import jax
import numpy

from whygrad.graph import NOWHERE, Fault, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.jax.asked import raised_at
from whygrad.recorders.jax.parameters import named_leaves

# What Optax calls them in the functions that an optimizer is made of, and in ``apply_updates``.
_HANDED, _STATE, _PARAMS = "updates", "state", "params"
PACKAGE = "optax"
# The functions of JAX that go over several trees at once, by which scripts update parameters themselves.
_MAPPING = ("map", "tree_map")
# What JAX says of a leaf that is no array: of one that is passed to a compiled function, and of one that is averaged.
_REFUSED = {"as an abstract array": "jit-no-array", "requires ndarray or scalar arguments": "init-no-array"}


@dataclass(frozen=True, slots=True)
class Misfit:
    """What such an error is about: the fault, and the parameters that the optimizer was made for."""

    fault: Fault
    parameters: tuple[Parameter, ...]


def at_end(
    error: str,
    raised: BaseException,
    asked: Graph | None,
    elsewhere: Callable[[BaseException], Fault | None],
    sorted_by: Callable[[BaseException], Misfit | None] = lambda error: None,
) -> Graph | None:
    """A Graph that says what an error is about in which a script ended, if that has to do with its gradients.

    Args:
        asked: the last request; ``elsewhere``: knows of faults that happened before the error.
        sorted_by: knows of labels that do not fit the parameters.
    """
    found = sorted_by(raised)
    if found is not None:
        pass
    elif asked is not None and asked.error != error:
        fault = elsewhere(raised)
        found = Misfit(fault, tuple(p for p in asked.parameters if p.asked)) if fault is not None else None
        found = found or misfit(raised, asked)
    elif asked is None:
        found = no_arrays(raised)
    if found is None:
        return None
    lost = [replace(p, value=NOWHERE, gradient="none", history=()) for p in found.parameters]
    api = asked.api if asked is not None else "jax.jit"
    return GraphBuilder("jax", api).graph((), lost, (), error=error, fault=found.fault)


def no_arrays(error: BaseException) -> Misfit | None:
    """What an error is about, if a tree with arrays was passed where there must be nothing else in it."""
    message = str(error)
    kind = next((kind for text, kind in _REFUSED.items() if text in message), None)
    for tree, name in _known(error.__traceback__) if kind is not None else ():
        parameters = tuple(parameters_of(tree, name))
        leaves = named_leaves([tree], [name], any_kind=True)
        other = next((leaf for leaf in leaves if str(type(leaf.leaf)) in message), None)
        if parameters and other is not None and kind is not None:
            fault = Fault(kind, frames.spans(raised_at(error)), True, other.written or other.path)
            return Misfit(fault, parameters)
    return None


def _known(traceback: TracebackType | None) -> Iterator[tuple[Any, str]]:
    """The trees that the script's own frames hold, of the innermost frame first, and their names."""
    stack: list[FrameType] = []
    while traceback is not None:
        stack.append(traceback.tb_frame)
        traceback = traceback.tb_next
    for frame in reversed(stack):
        if frames.is_user_file(frame.f_code.co_filename):
            yield from ((value, name) for name, value in frames.local_variables(frame) if not name.startswith("_"))


def misfit(error: BaseException, asked: Graph) -> Misfit | None:
    """What an error is about, if Optax was handed another tree than it was made for, or two were mapped together.

    Args:
        asked: the last request before it.
    """
    met = next(_met(error.__traceback__), None)
    if met is None:
        return next(filter(None, (_mistaken(asked, *pair, apart=True) for pair in _mapped(error.__traceback__))), None)
    fault = _mistaken(asked, *met)
    other = Fault("other-tree", frames.spans(raised_at(error)), True)
    return fault or Misfit(other, tuple(parameters_of(met[1])))


def _mistaken(asked: Graph, handed: Any, kept: Any, apart: bool = False) -> Misfit | None:
    """What is wrong with a request whose answer does not fit a tree: its value was taken, or it is asked of others.

    Args:
        apart: the tree may be another than the parameters, but for one that has nothing in common with the answer.
    """
    shapes, sources = _shapes(handed), [p for p in asked.parameters if p.asked]
    wanted = [tuple(p.shape or ()) for p in sources]
    parameters = tuple(parameters_of(kept))
    if shapes == [()] and asked.api.endswith("value_and_grad") and wanted != [()]:
        return Misfit(Fault("value-for-gradient", asked.request, True), parameters)
    alone = jax.tree_util.treedef_is_leaf(_structure(handed))
    others = set(_shapes(kept)) - set(wanted)
    differ = len(parameters) > 1 and (alone or others == set(_shapes(kept))) if apart else alone or bool(others)
    if sorted(shapes) == sorted(wanted) and differ:
        names = ", ".join(f"`{p.name}`" for p in sources[:2]) + (" and more" if len(sources) > 2 else "")
        return Misfit(Fault("other-source", asked.request, True, names), _left_out(parameters, sources))
    return None


def _left_out(parameters: tuple[Parameter, ...], asked: list[Parameter]) -> tuple[Parameter, ...]:
    """The parameters that are not asked for, where all that is asked for is among them; else all."""
    known, every = {_inside(p) for p in asked}, {_inside(p) for p in parameters}
    return tuple(p for p in parameters if _inside(p) not in known) if known < every else parameters


def _inside(parameter: Parameter) -> str:
    """The path in its tree, whatever the tree is called."""
    return parameter.path.partition("/")[2]


def took_integers(error: BaseException) -> bool:
    """Whether an error was raised where Optax or the script was handed what JAX answers for integers."""
    trace, innermost = error.__traceback__, None
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if frames.package_of(file) == PACKAGE and _has_integers(_trees(trace.tb_frame)[0]):
            return True
        innermost = trace.tb_frame if frames.is_user_file(file) else innermost
        trace = trace.tb_next
    known = frames.local_variables(innermost) if innermost is not None else []
    return any(getattr(value, "dtype", None) == jax.dtypes.float0 for _, value in known)


def _has_integers(tree: Any) -> bool:
    return any(getattr(leaf, "dtype", None) == jax.dtypes.float0 for leaf in jax.tree_util.tree_leaves(tree))


def _met(traceback: TracebackType | None) -> Iterator[tuple[Any, Any]]:
    """The tree that a function of Optax's was handed, and one of another structure that it kept or was given."""
    while traceback is not None:
        frame = traceback.tb_frame
        if frames.package_of(frame.f_code.co_filename) == PACKAGE:
            handed, others = _trees(frame)
            for other in others if handed is not None else ():
                if _structure(other) != _structure(handed):
                    yield handed, other
        traceback = traceback.tb_next


def _mapped(traceback: TracebackType | None) -> Iterator[tuple[Any, Any]]:
    """Every two trees of another structure that a function of JAX's was to go over at once."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_name in _MAPPING and frames.package_of(code.co_filename) == "jax":
            held = dict(frames.local_variables(traceback.tb_frame))
            trees = [held.get("tree"), *(held.get("rest") or ())]
            yield from ((a, b) for a, b in permutations(trees, 2) if _structure(a) != _structure(b))
        traceback = traceback.tb_next


def _trees(frame: FrameType) -> tuple[Any, list[Any]]:
    held = dict(frames.local_variables(frame))
    params = [held[_PARAMS]] if held.get(_PARAMS) is not None else []
    return held.get(_HANDED), [*params, *_like_parameters(held.get(_STATE))]


def _like_parameters(state: Any) -> Iterator[Any]:
    """The parts of an optimizer's state that are built like its parameters: the averages, not the counts."""
    for part in state if isinstance(state, tuple) else ():
        if isinstance(part, tuple) and hasattr(part, "_fields"):
            yield from (p for p in part if not isinstance(p, tuple) and any(_shapes(p)))
        yield from _like_parameters(part)


def _structure(tree: Any) -> Any:
    return jax.tree_util.tree_structure(tree)


def _shapes(tree: Any) -> list[tuple[int, ...]]:
    return [tuple(leaf.shape) for leaf in jax.tree_util.tree_leaves(tree) if hasattr(leaf, "shape")]


def parameters_of(tree: Any, name: str = _PARAMS) -> Iterator[Parameter]:
    arrays = (jax.Array, numpy.ndarray)
    for each in (one for one in named_leaves([tree], [name]) if isinstance(one.leaf, arrays)):
        shape, dtype = tuple(each.leaf.shape), str(each.leaf.dtype)
        yield Parameter(each.path, shape, dtype, NOWHERE, gradient="none", written=each.written)
