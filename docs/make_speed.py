"""Writes ``speed.md``: what whygrad costs, as the benchmarks measure it on the machine that this runs on.

    python docs/make_speed.py [ROUNDS [NAME ...]]

With names, only those benchmarks are run anew, and what stands of the others is kept. The peers that are measured
beside whygrad, TorchLens and wandb, come with the extra `bench`; where they are missing, so are their columns.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = Path(__file__).with_name("speed.md")
HEAD = """# What it costs

Written by `docs/make_speed.py`. Ratios to the plain step, minimum (median) over interleaved rounds, CPU time on one
thread; TensorFlow's in processes that take turns. The column "plain again" is a second plain step: how far it is from
1 is the noise of the machine, and no other ratio is known better than that. Recording is on for the first ten steps
only ("recorded"); the watch on gradient requests stays on ("watched", "run"). Goals: recorded 1.15 on steps of real
size, 1.35 (TensorFlow) and 1.5 (PyTorch) on tiny ones, watched 1.01; `fit` 1.05 for the trace and the first batch,
1.01 after; the first call of a compiled JAX step 1.1; `--watch` 1.02 of "run". A number above its goal by more than
the noise is a goal that is not met. On constant data a model stops learning: what goes back through each of its
operations is then measured, which costs more.
"""
# A benchmark and what it is called with, and what it measures.
BENCHES = {
    "step_cost": "TensorFlow, an eager step",
    "fit_cost": "Keras on TensorFlow, `fit`",
    "torch_step_cost": "PyTorch, a step",
    "jax_request_cost": "JAX, a compiled step",
    "watch_cost torch": "`--watch` on PyTorch",
    "watch_cost tensorflow": "`--watch` on TensorFlow",
}


def main(rounds: str, names: list[str]) -> None:
    """Run what is named and write the page."""
    known = dict(re.findall(r"^## `([\w ]+)`[^\n]*\n\n(.*?)(?=^## |\Z)", _text(), re.M | re.S))
    parts = [HEAD]
    for name, title in BENCHES.items():
        body = _measured(name, rounds) if not names or name in names else known.get(name)
        if body is not None:
            parts.append(f"## `{name}`: {title}\n\n{body.strip()}\n")
            PAGE.write_text("\n".join(parts), "utf-8")


def _text() -> str:
    return PAGE.read_text("utf-8") if PAGE.exists() else ""


def _measured(name: str, rounds: str) -> str:
    script, *arguments = name.split()
    command = [sys.executable, str(ROOT / "benchmarks" / f"{script}.py"), *arguments, rounds]
    before = os.getloadavg()[0]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    table = "\n".join(line for line in ended.stdout.splitlines() if line.startswith("|"))
    load = f"{before:.0f} to {os.getloadavg()[0]:.0f} on {os.cpu_count()} processors"
    return f"{rounds} rounds, load of the machine {load}.\n\n{table}"


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "8", sys.argv[2:])
