"""One call of a differentiated function: what it is asked of, what the function hands back, and what comes of it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax

from whygrad.graph import Graph
from whygrad.recorders import frames
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.ops import is_float
from whygrad.recorders.jax.parameters import Named, argument_names, named_leaves
from whygrad.recorders.jax.trace import Trace


@dataclass(slots=True)
class Request:
    """One call of a differentiated function.

    Attributes:
        given: the type and the name of each leaf that it is asked of: all that is known where JAX refuses before the
            function runs.
        function: what is differentiated; ``made``: where that was said.
        form: what the function handed back, as ``form_of`` says it.
        graphs: what the function does, where its operations are not listened to, and the same if JAX then refuses.
        answer: what the call gave, until the request is over.
        around: the requests inside which this one was made.
    """

    api: str
    stack: frames.Stack
    reverse: bool
    around: tuple[Request, ...]
    trace: Trace | None = None
    error: BaseException | None = None
    answer: Any = None
    argnums: Any = 0
    aux: bool = False
    given: list[tuple[Any, Named]] = field(default_factory=list)
    function: Any = None
    made: frames.Stack = ()
    form: str = ""
    graphs: tuple[Graph, Graph] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A request that the sink was told of: by which call, where, inside another or not, and what it did.

    Attributes:
        integers: what there is to say if somebody takes the answers for integers as gradients.
    """

    api: str
    site: Hashable
    nested: bool
    graph: Graph
    integers: Graph | None = None


def gradients(request: Request) -> list[Any] | None:
    """What came back for each array that was differentiated, in their order; ``None`` where that is not known."""
    numbers = [request.argnums] if isinstance(request.argnums, int) else list(request.argnums)
    if request.api not in ("jax.grad", "jax.value_and_grad") or numbers != sorted(numbers) or request.trace is None:
        return None
    whole = request.answer
    if request.api == "jax.value_and_grad":
        whole = whole[1]
    elif request.aux:
        whole = whole[0]
    found = [v for v in jax.tree_util.tree_leaves(whole) if hasattr(v, "dtype") and is_float(compat.typeof(v))]
    asked = [leaf for leaf in request.trace.leaves if leaf.differentiated]
    return found if len(found) == len(asked) else None


def raised_at(error: BaseException) -> frames.Stack:
    """The user's frames in which an exception was raised, innermost first."""
    places: list[frames.Place] = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if frames.is_user_file(code.co_filename):
            places.append((code, traceback.tb_lasti))
        traceback = traceback.tb_next
    return tuple(places[::-1])


def given_leaves(fun: Any, argnums: Any, args: Sequence[Any]) -> list[tuple[Any, Named]]:
    """The leaves that a request is asked of: type, ``None`` for what is no array, and name (without the leaf)."""
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    names = argument_names(fun, len(args))
    chosen = [n for n in numbers if isinstance(n, int) and -len(args) <= n < len(args)]
    chosen = chosen or list(range(len(args)))  # JAX is about to say that there are no such arguments
    leaves = named_leaves([args[n] for n in chosen], [names[n] for n in chosen], any_kind=True)
    return [(_type(named.leaf), named._replace(leaf=None)) for named in leaves]


def given_arrays(argnums: Any, args: Sequence[Any]) -> list[Any]:
    """The arrays that a request is asked of, in the order of the arguments; none where it does not say of which."""
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    chosen = [args[n] for n in sorted(n for n in numbers if isinstance(n, int) and -len(args) <= n < len(args))]
    return [leaf for leaf in jax.tree_util.tree_leaves(chosen) if hasattr(leaf, "dtype") and is_float(leaf)]


def _type(leaf: Any) -> Any | None:
    known = isinstance(leaf, (bool, int, float, complex)) or (hasattr(leaf, "dtype") and hasattr(leaf, "shape"))
    return compat.typeof(leaf) if known else None


def form_of(out: Any) -> str:
    """What a function handed back: ``nothing``, ``scalar``, ``scalar first``, ``scalar second``, or ``other``."""
    if out is None:
        return "nothing"
    if not isinstance(out, (tuple, list)):
        return "scalar" if _is_scalar(out) else "other"
    parts = [_is_scalar(part) for part in out[:2]]
    return "scalar first" if parts and parts[0] else "scalar second" if parts and parts[-1] else "other"


def _is_scalar(value: Any) -> bool:
    return isinstance(value, float) or (
        hasattr(value, "dtype") and getattr(value, "shape", None) == () and is_float(value)
    )
