"""The public way: without JAX's interpreters, a differentiated function is traced once more, in a process of its own.

``jax.make_jaxpr`` runs the function. In a copy of this process that ends right afterwards, what the function prints,
counts or draws is never seen by the script, which runs its own call as it is. What the script's files would be given
is refused there, so that nothing is written twice.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import jax

from whygrad.graph import Graph
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.asked import Request
from whygrad.recorders.jax.ops import is_float
from whygrad.recorders.jax.parameters import Named, argument_names, attribute, named_leaves
from whygrad.recorders.jax.requests import Apart, Requests
from whygrad.recorders.jax.trace import Trace

# Seconds that the copy may take; a lock that another thread held when it was made is never let go in it.
LONGEST = 30.0


Graphs = tuple[Graph, Graph]


class Refusal(Exception):
    """JAX would not differentiate the function."""


def of(request: Request) -> Graph | None:
    """The Graph of a request that is over, if its function was traced apart."""
    if request.graphs is None or request.error is None:
        return request.graphs[0] if request.graphs is not None else None
    return replace(request.graphs[1], error=f"{type(request.error).__name__}: {request.error}")


def graphs(requests: Requests, close: Callable[[Request], Graph | None]) -> Apart:
    """What gives the Graphs of a request by the public way; of derivatives inside of its function nothing is known.

    Args:
        close: makes the Graph of a request whose function has come to its end.
    """

    def both(request: Request, function: Any, aux: bool, args: Sequence[Any], more: dict[str, Any]) -> Graphs | None:
        def make() -> Graphs | None:
            inner: list[str] = []
            requests.wanted = lambda api, _: bool(inner.append(api))  # type: ignore[func-returns-value]
            request.trace = traced(request, requests, function, aux, args, more)
            request.error = Refusal()
            refused, request.error = close(request), None
            if refused is None or inner:
                return None
            refused = replace(refused, barriers=dict(refused.barriers))  # an answer drops those that refuse
            answered = close(request)
            return (answered, refused) if answered is not None else None

        return beside(make) if not request.around else None

    return both


def traced(
    request: Request, requests: Requests, function: Any, aux: bool, args: Sequence[Any], keywords: dict[str, Any]
) -> Trace:
    """What a differentiated function does, by the program that the public ``jax.make_jaxpr`` makes of it.

    Args:
        aux: the function hands back something beside the loss.

    Raises:
        Exception: whatever the function or JAX raises, where it needs numbers that are not known while it is traced.
    """
    trace = Trace(request.api, None, jax.core.Tracer, requests.rules, request.reverse)
    chosen = _chosen(request.argnums, len(args))
    for number, (name, argument) in enumerate(zip(argument_names(function, len(args)), args, strict=True)):
        for named in named_leaves([argument], [name]):
            trace.add_leaf(named, number in chosen and is_float(compat.typeof(named.leaf)))
    leaves, tree = jax.tree_util.tree_flatten(args)
    places = [n for n, leaf in enumerate(leaves) if hasattr(leaf, "dtype") and hasattr(leaf, "shape")]

    def run(*arrays: Any) -> list[Any]:
        given = dict(enumerate(leaves)) | dict(zip(places, arrays, strict=True))
        out = function(*jax.tree_util.tree_unflatten(tree, given.values()), **keywords)
        loss = out[0] if aux and isinstance(out, tuple) and out else out
        return [v for v in jax.tree_util.tree_leaves(loss) if hasattr(v, "dtype")]

    closed = compat.make_jaxpr(run)(*(leaves[n] for n in places))
    values = [leaf.value for leaf in trace.leaves]
    for value, path, made_at in requests.variables.left_out(function):
        name = argument_names(function, 1)[0]
        trace.add_leaf(Named(value, f"{name}/{path}", attribute(name, path), name), False, made_at)
    made = trace.flat.program(closed, values, request.stack)
    floats = [value for value, aval in zip(made, closed.out_avals, strict=True) if is_float(aval)]
    trace.targets = floats or made
    return trace


def _chosen(argnums: Any, count: int) -> set[int]:
    """The positions of the arguments that are differentiated; all where the request names none."""
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    return {n % count for n in numbers if -count <= n < count} if numbers else set(range(count))


def beside(make: Callable[[], Graphs | None]) -> Graphs | None:
    """What a call gives in a copy of this process; ``None`` where no copy can be made, or none comes of it."""
    if not hasattr(os, "fork"):
        return None
    reading, writing = os.pipe()
    with _quietly():
        child = os.fork()
    if child == 0:
        _be_copy(make, writing)
    os.close(writing)
    try:
        return _answer(reading)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _be_copy(make: Callable[[], Graphs | None], writing: int) -> None:
    """Make the Graphs, hand them over, and end without a word."""
    try:
        import resource

        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        with open(writing, "wb") as pipe:
            pickle.dump(make(), pipe)
    finally:
        os._exit(0)


def _answer(reading: int) -> Graphs | None:
    end, parts = time.monotonic() + LONGEST, list[bytes]()
    while select.select([reading], [], [], max(end - time.monotonic(), 0.0))[0]:
        part = os.read(reading, 1 << 16)
        if not part:
            break
        parts.append(part)
    try:
        found: Graphs | None = pickle.loads(b"".join(parts))
    except Exception:
        return None  # it came to no end, or was refused what it needs
    return found


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the warnings of Python and JAX that a copy has no threads: it needs none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
