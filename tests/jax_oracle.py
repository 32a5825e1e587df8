"""``python jax_oracle.py SCRIPT``: what JAX itself and the recorder say of each leaf that a script asks for.

The script runs twice: once with ``jax.grad`` and ``jax.value_and_grad`` wrapped, so that the backward pass of each loss
is traced as a whole and searched for leaves that no cotangent leads to; then under the recorder. Where a loss cannot be
traced a second time (it reads numbers, or is stateful), what the script was given is all there is: a leaf whose
gradient is not zero has a way.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import runpy
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.interpreters import partial_eval

from hearing import Ear
from whygrad.graph import Graph
from whygrad.recorders.jax import Jax, compat


class Asked(NamedTuple):
    """What JAX says of a request: whether there is a way to each leaf, or, if not traced, which are not zero."""

    line: int
    ways: list[bool]
    traced: bool


class Requested(Ear):
    """Hears requests alone, not what a run tells when it ends."""

    def told(self, graph: Graph) -> None:
        """Of no interest here."""


def oracle(loss: Callable[..., Any], params: Any) -> list[bool]:
    """For each leaf, whether JAX's backward pass of the whole loss leads to it, by JAX's own removal of dead code."""

    def backward(cotangent: Any, params: Any) -> Any:
        return compat.vjp(loss, params)[1](cotangent)

    program = compat.make_jaxpr(backward)(jnp.ones(()), params).jaxpr
    found = []
    for n in range(len(program.outvars)):
        wanted = [n == m for m in range(len(program.outvars))]
        found.append(bool(partial_eval.dce_jaxpr(program, wanted)[1][0]))
    return found


class Requests:
    """Wraps the functions that ask for gradients; ``asked`` in the order of the requests of a script."""

    def __init__(self, script: Path) -> None:
        self.script = str(script)
        self.asked: list[Asked] = []
        self._inside = False

    def wrap(self, transform: Callable[..., Any], has_value: bool) -> Callable[..., Any]:
        """``transform`` that tells of each request."""

        @functools.wraps(transform)
        def made(fun: Any, argnums: Any = 0, has_aux: bool = False, **options: Any) -> Any:
            real = transform(fun, argnums, has_aux, **options)

            @functools.wraps(real)
            def ask(*args: Any, **named: Any) -> Any:
                given = real(*args, **named)
                if not self._inside:
                    ways = self._traced(fun, argnums, has_aux, args, named)
                    gradient = given[1] if has_value else given[0] if has_aux else given
                    traced = ways is not None
                    self.asked.append(Asked(self._line(), ways if traced else _not_zero(gradient), traced))
                return given

            return ask

        return made

    def _line(self) -> int:
        frames = (frame for frame, _ in traceback.walk_stack(None) if frame.f_code.co_filename == self.script)
        return next(frames).f_lineno

    def _traced(self, fun: Any, argnums: Any, has_aux: bool, args: Any, named: Any) -> list[bool] | None:
        numbers = [n % len(args) for n in ((argnums,) if isinstance(argnums, int) else argnums)]

        def loss(wanted: Any) -> Any:
            full = [wanted[numbers.index(n)] if n in numbers else arg for n, arg in enumerate(args)]
            out = fun(*full, **named)
            return out[0] if has_aux else out

        self._inside = True
        try:
            return oracle(loss, [args[n] for n in numbers])
        except Exception:
            return None  # the loss itself raises, or is none that can be traced twice
        finally:
            self._inside = False


def _not_zero(gradient: Any) -> list[bool]:
    leaves = jax.tree_util.tree_leaves(gradient)
    known = not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)
    return [known and leaf.dtype != jax.dtypes.float0 and bool(jnp.any(leaf)) for leaf in leaves]


def run(script: Path) -> bool:
    """The script as a main program; whether it ended in an error."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path(str(script), run_name="__main__")
    except Exception:
        return True
    return False


def main(script: Path) -> None:
    """Run and print."""
    sys.argv = [str(script)]
    sys.path.insert(0, str(script.parent))
    os.chdir(script.parent)
    requests, grad, value_and_grad = Requests(script), jax.grad, jax.value_and_grad
    jax.grad, jax.value_and_grad = requests.wrap(grad, False), requests.wrap(value_and_grad, True)
    raised = run(script)
    jax.grad, jax.value_and_grad = grad, value_and_grad
    recorder = Jax()
    ear = Requested(recorder)
    recorder.start(ear)
    assert run(script) == raised
    recorder.stop()
    assert not ear.faults, ear.faults
    heard = [(_line_of(graph, script), [p.gradient for p in graph.parameters]) for graph in ear.graphs]
    print(json.dumps({"jax": requests.asked, "recorder": heard, "raised": raised}))


def _line_of(graph: Graph, script: Path) -> int | None:
    return next((span.line for span in graph.request if Path(span.file) == script), None)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
