"""What recording costs a JAX program: the first call of a compiled gradient, plain and recorded.

Process CPU time of the first call (tracing and compiling) of ``jax.jit(jax.value_and_grad(loss))``, caches emptied
before each, the ways interleaved in one process; printed as the ratio to the plain call, minimum and median over the
rounds. The last column is a second plain call: the noise. Later calls run the same compiled program either way.

    python benchmarks/jax_step_cost.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from whygrad.recorders.jax import Jax
from whygrad.recorders.recorder import Asked

WIDTH, LENGTH, WORDS = 64, 32, 100


class Deaf:
    """A sink that builds the graph, and keeps nothing."""

    def asked(self, request: Asked) -> None:
        """Take the graph."""
        assert request.graph is not None
        request.graph()

    def told(self, graph: Any) -> None:
        """Nothing."""

    def came_round(self) -> None:
        """Nothing."""

    def fault(self, framework: str, error: BaseException) -> None:
        """An error of ours ends the bench."""
        raise error


def mlp() -> tuple[Callable[[Any], Any], Any]:
    """Three layers."""
    x = jnp.ones((16, WIDTH))

    def loss(params: Any) -> Any:
        h = x
        for w in params:
            h = jax.nn.relu(h @ w)
        return jnp.mean(h**2)

    return loss, [jnp.ones((WIDTH, WIDTH)) for _ in range(3)]


def transformer() -> tuple[Callable[[Any], Any], Any]:
    """Four layers of attention and feed-forward, written out."""
    tokens = jnp.arange(LENGTH) % WORDS
    layer = {name: jnp.ones((WIDTH, WIDTH)) / WIDTH for name in ("q", "k", "v", "o", "up", "down")}

    def norm(h: Any) -> Any:
        return (h - h.mean(-1, keepdims=True)) / jnp.sqrt(h.var(-1, keepdims=True) + 1e-5)

    def loss(params: Any) -> Any:
        h = params["words"][tokens]
        for p in params["layers"]:
            n = norm(h)
            scores = jnp.where(jnp.tril(jnp.ones((LENGTH, LENGTH), bool)), (n @ p["q"]) @ (n @ p["k"]).T, -1e9)
            h = h + jax.nn.softmax(scores) @ (n @ p["v"]) @ p["o"]
            h = h + jax.nn.gelu(norm(h) @ p["up"]) @ p["down"]
        return -jax.nn.log_softmax(h @ params["words"].T)[jnp.arange(LENGTH), tokens].mean()

    return loss, {"words": jnp.ones((WORDS, WIDTH)), "layers": [layer] * 4}


def first_call(make: Callable[[], tuple[Callable[[Any], Any], Any]], recorded: bool) -> float:
    """Seconds of CPU until the first answer of a new compiled function."""
    loss, params = make()
    jax.clear_caches()
    recorder = Jax()
    if recorded:
        recorder.start(Deaf())
    start = time.process_time()
    jax.block_until_ready(jax.jit(jax.value_and_grad(loss))(params))
    spent = time.process_time() - start
    recorder.stop()
    return spent


def main(rounds: int) -> None:
    """Measure and print a table."""
    print("| first call | plain | recorded | plain again |\n| --- | --- | --- | --- |")
    for make in (mlp, transformer):
        first_call(make, True)
        times = [(first_call(make, False), first_call(make, True), first_call(make, False)) for _ in range(rounds)]
        plain, recorded, again = zip(*times, strict=True)
        ratios = [
            f"{min(ways) / min(plain):.2f} ({statistics.median(ways) / statistics.median(plain):.2f})"
            for ways in (recorded, again)
        ]
        print(f"| {make.__name__} | {min(plain):.2f} s | {' | '.join(ratios)} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
