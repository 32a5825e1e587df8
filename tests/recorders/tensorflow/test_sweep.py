"""Every operation in TensorFlow's registry: what whygrad believes is what ``GradientTape`` does (``sweep.py``)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorflow")
pytestmark = [pytest.mark.tensorflow, pytest.mark.sweep]
HERE = Path(__file__).parent
CRASHED = "its kernel took the process down"
MOST_CRASHES = 25


def sweep(out: Path) -> list[list[Any]]:
    """The line of every operation; the sweep goes on after one that ends the process."""
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", PYTHONPATH=str(HERE.parent.parent))
    for _ in range(MOST_CRASHES):
        started = [line for line in _lines(out) if isinstance(line, str)]
        command = [sys.executable, str(HERE / "sweep.py"), str(out), str(len(started))]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode >= 0:
            break
    assert done.returncode == 0, done.stderr[-2000:]
    answered = {line[0]: line for line in _lines(out) if isinstance(line, list)}
    names = [line for line in _lines(out) if isinstance(line, str)]
    return [answered.get(name, [name, CRASHED, "", []]) for name in names]


def _lines(out: Path) -> list[Any]:
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()] if out.exists() else []


def test_what_whygrad_believes_of_an_operation_is_what_tensorflow_does(tmp_path: Path) -> None:
    lines = sweep(tmp_path / "sweep.jsonl")
    print(len(lines), "operations:", dict(Counter((outcome, mode) for _, outcome, mode, _ in lines)))
    assert {name: wrong for name, _, _, wrong in lines if wrong} == {}
    tried = [name for name, outcome, _, _ in lines if outcome == "tried"]
    able = [name for name, outcome, _, _ in lines if outcome in ("tried", "no valid input was found", CRASHED)]
    assert len(tried) > 0.75 * len(able)


if __name__ == "__main__":
    for each in sweep(Path(sys.argv[1])):
        print(*each)
