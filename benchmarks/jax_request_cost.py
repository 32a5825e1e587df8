"""What recording costs a JAX program: a compiled training step, plain and recorded.

Process CPU time of a step that is compiled with ``jax.jit`` and holds ``jax.value_and_grad``: its first call (tracing
and compiling), its second, the mean of its third to tenth (all ten are recorded, as ``whygrad run`` does), and the mean
of 100 calls after that, when recording rests. Caches are emptied before each, the ways run interleaved in one process;
printed as the ratio to the plain step, minimum (median) over the rounds. "plain again" is a second plain run: noise.

    python benchmarks/jax_request_cost.py [ROUNDS]
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from whygrad.diagnose import diagnose
from whygrad.recorders.jax import Jax
from whygrad.recorders.recorder import Asked

WIDTH, LENGTH, WORDS = 64, 32, 100
RECORDED, RESTING = 10, 100
PHASES = ("first call", "second", "third to tenth", "resting")
Made = tuple[Callable[[Any], Any], Any]


class Listener:
    """A sink that does with a request what a session does with the first of a place: it is diagnosed."""

    def __init__(self) -> None:
        self.places: set[Any] = set()

    def asked(self, request: Asked) -> None:
        """Diagnose it if its place is new."""
        assert request.graph is not None
        if request.site not in self.places:
            self.places.add(request.site)
            assert not diagnose(request.graph()), "the programs are healthy"

    def told(self, graph: Any) -> None:
        """Nothing."""

    def came_round(self, function: Hashable = None) -> None:
        """Nothing."""

    def fault(self, framework: str, error: BaseException) -> None:
        """An error of ours ends the bench."""
        raise error


_seeds = itertools.count()


def drawn(*shape: int) -> Any:
    """Small random weights, other ones at each call: alike, they would saturate an attention."""
    return jax.random.normal(jax.random.PRNGKey(next(_seeds)), shape) / shape[0] ** 0.5


def mlp() -> Made:
    """Three layers."""
    x = drawn(16, WIDTH)

    def loss(params: Any) -> Any:
        h = x
        for w in params:
            h = jax.nn.relu(h @ w)
        return jnp.mean((h - 1.0) ** 2)

    return loss, [drawn(WIDTH, WIDTH) for _ in range(3)]


def conv() -> Made:
    """Three convolutions and a linear layer on images."""
    x = drawn(8, 16, 16, 3)
    sizes = [(3, 16), (16, 16), (16, 32)]

    def loss(params: Any) -> Any:
        h = x
        for kernel, bias in params["layers"]:
            h = jax.lax.conv_general_dilated(h, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            h = jax.nn.relu(h + bias)
        logits = h.mean((1, 2)) @ params["head"]
        return -jax.nn.log_softmax(logits)[jnp.arange(8), jnp.arange(8)].mean()

    layers = [(drawn(3, 3, i, o), jnp.full(o, 0.1)) for i, o in sizes]
    return loss, {"layers": layers, "head": drawn(32, 10)}


def transformer() -> Made:
    """Four layers of attention and feed-forward, written out."""
    tokens = jnp.arange(LENGTH) % WORDS
    layer = {name: drawn(WIDTH, WIDTH) for name in ("q", "k", "v", "o", "up", "down")}

    def norm(h: Any) -> Any:
        return (h - h.mean(-1, keepdims=True)) / jnp.sqrt(h.var(-1, keepdims=True) + 1e-5)

    def loss(params: Any) -> Any:
        h = params["words"][tokens]
        for p in params["layers"]:
            n = norm(h)
            scores = jnp.where(
                jnp.tril(jnp.ones((LENGTH, LENGTH), bool)), (n @ p["q"]) @ (n @ p["k"]).T / WIDTH**0.5, -1e9
            )
            h = h + jax.nn.softmax(scores) @ (n @ p["v"]) @ p["o"]
            h = h + jax.nn.gelu(norm(h) @ p["up"]) @ p["down"]
        return -jax.nn.log_softmax(h @ params["words"].T)[jnp.arange(LENGTH), (tokens + 1) % WORDS].mean()

    return loss, {"words": drawn(WORDS, WIDTH), "layers": [layer] * 4}


def spent(run: Callable[[], Any], times: int = 1) -> float:
    """Seconds of CPU that a call takes, the mean of so many."""
    start = time.process_time()
    for _ in range(times):
        run()
    return (time.process_time() - start) / times


def phases(make: Callable[[], Made], recorded: bool) -> list[float]:
    """The seconds of each phase of a new compiled step."""
    loss, params = make()
    jax.clear_caches()
    recorder = Jax()
    if recorded:
        recorder.start(Listener())

    @jax.jit
    def step(params: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(params)
        return value, jax.tree.map(lambda p, g: p - 0.01 * g, params, gradients)

    def run() -> None:
        nonlocal params
        params = jax.block_until_ready(step(params))[1]

    found = [spent(run), spent(run), spent(run, RECORDED - 2)]
    recorder.rest() if recorded else None
    found.append(spent(run, RESTING))
    recorder.stop()
    return found


def row(name: str, rounds: Sequence[tuple[list[float], list[float], list[float]]], phase: int) -> str:
    """A line of the table."""
    plain, recorded, again = ([one[phase] for one in ways] for ways in zip(*rounds, strict=True))
    ratios = [
        f"{min(ways) / min(plain):.2f} ({statistics.median(ways) / statistics.median(plain):.2f})"
        for ways in (recorded, again)
    ]
    return f"| {name}, {PHASES[phase]} | {min(plain) * 1000:.1f} ms | {' | '.join(ratios)} |"


def main(count: int) -> None:
    """Measure and print a table."""
    print("| step | plain | recorded | plain again |\n| --- | --- | --- | --- |")
    for make in (mlp, conv, transformer):
        phases(make, True)
        rounds = [(phases(make, False), phases(make, True), phases(make, False)) for _ in range(count)]
        for phase in range(len(PHASES)):
            print(row(make.__name__, rounds, phase), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
