"""Runs a program plainly and under whygrad, each in a process of its own, and says what differs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
ZOO = HERE / "zoo"
SECONDS = 900
# Peak memory differs by whygrad itself, and by what a log of ten steps takes.
MOST_MEMORY = 1.10


class Run(NamedTuple):
    """How a program ended; ``facts`` is what it testified, empty if it did not come so far."""

    status: int
    stdout: str
    stderr: str
    facts: dict[str, Any]


class Compared(NamedTuple):
    """A program, what whygrad changed, what it found, and by what the peak of memory grew."""

    name: str
    differences: tuple[str, ...]
    findings: tuple[str, ...]
    memory: float


def programs(framework: str = "") -> list[Path]:
    """The zoo, or one framework's part of it."""
    return sorted(each for each in ZOO.glob("*.py") if each.name.startswith(framework))


def compared(program: Path, *arguments: str) -> Compared:
    """Run it both ways."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        plain = _run(Path(folder), [str(program), *arguments])
        options = ["-m", "whygrad", "run", "--quiet", "--json", str(report)]
        guided = _run(Path(folder), [*options, str(program), *arguments])
        found = json.loads(report.read_text("utf-8"))["findings"] if report.exists() else [{"cause": "no report"}]
    faults = tuple(each["cause"] for each in found if each.get("severity") != "note")
    peaks = [run.facts.pop("memory", 1) for run in (plain, guided)]
    name = " ".join((program.stem, *arguments))
    return Compared(name, tuple(_differences(plain, guided, bool(faults))), faults, peaks[1] / peaks[0])


def _run(folder: Path, command: list[str]) -> Run:
    witness = folder / "witness.json"
    witness.unlink(missing_ok=True)
    paths = os.pathsep.join((str(HERE), str(HERE.parent)))
    quiet = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
    }
    environment = {**os.environ, "PYTHONPATH": paths, "WITNESS": str(witness), "PYTHONHASHSEED": "0", **quiet}
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    facts = json.loads(witness.read_text("utf-8")) if witness.exists() else {}
    return Run(ended.returncode, ended.stdout, ended.stderr, facts)


def _differences(plain: Run, guided: Run, faulty: bool) -> list[str]:
    """What is not the same; the status is whygrad's own where it found something."""
    found = [] if plain.status == 0 and plain.facts else [f"the program itself fails: {plain.stderr[-500:]}"]
    if guided.status != plain.status and not faulty:
        found.append(f"status {plain.status} and {guided.status}")
    if guided.stdout != plain.stdout:
        found.append("standard output")
    if _theirs(guided.stderr) != _theirs(plain.stderr):
        found.append(f"standard error: {_theirs(plain.stderr)[-300:]!r} and {_theirs(guided.stderr)[-300:]!r}")
    keys = sorted(plain.facts.keys() | guided.facts.keys())
    pairs = {each: (plain.facts.get(each), guided.facts.get(each)) for each in keys}
    return found + [f"{each}: {one} and {other}" for each, (one, other) in pairs.items() if one != other]


def _theirs(text: str) -> str:
    """Without whygrad's lines, and those in which a framework says the time and its process."""
    lines = [line for line in text.splitlines() if not line.startswith("whygrad:") and "absl::Init" not in line]
    return "\n".join(line for line in lines if line[:5] not in ("I0000", "W0000", "E0000"))
