"""One Keras program, three back ends, one answer: the same cause, place, names and words."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from programs import ALONE, OTHERS, surroundings
from recorders.keras_programs import HEAD, PROGRAMS

BACKENDS = ("tensorflow", "torch", "jax")
RUNNER = Path(__file__).with_name("keras_runner.py")
pytestmark = pytest.mark.slow  # three processes, each with a framework, compile a dozen models
ON_EACH = [pytest.param(backend, marks=getattr(pytest.mark, backend)) for backend in BACKENDS]
# JAX compiles in half the time where the result need not be fast.
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
FAULTY = [name for name, program in PROGRAMS.items() if program.cause is not None]
HEALTHY = [name for name, program in PROGRAMS.items() if program.cause is None]


@cache
def reports(folder: Path, backend: str) -> dict[str, Any]:
    """What the runner says of every program; one process for each back end, since Keras chooses it once for all."""
    for name, program in PROGRAMS.items():
        (folder / f"{name}.py").write_text(HEAD + program.text, "utf-8")
    away = ALONE if backend == "tensorflow" else OTHERS
    env = surroundings(backend) | {"KERAS_BACKEND": backend, "PYTHONPATH": str(away), "XLA_FLAGS": QUICK}
    command = [sys.executable, str(RUNNER), str(folder), *PROGRAMS]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keras")


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("backend", ON_EACH)
def test_a_healthy_program_runs_as_it_would_and_nothing_is_said(folder: Path, backend: str, name: str) -> None:
    report = reports(folder, backend)[name]
    assert report["plain"] in (report["guided"], None)
    assert report["guided"][1] is None
    assert report["guided"][0]
    assert (report["findings"], report["notes"]) == ([], [])
    assert report["frameworks"] == sorted(("keras", backend))


@pytest.mark.parametrize("name", FAULTY)
@pytest.mark.parametrize("backend", ON_EACH)
def test_a_fault_is_found_for_what_it_is(folder: Path, backend: str, name: str) -> None:
    program, report = PROGRAMS[name], reports(folder, backend)[name]
    lines = (HEAD + program.text).splitlines()
    assert {f["cause"] for f in report["findings"]} == {program.cause}
    assert {p for f in report["findings"] for p in f["parameters"]} == set(program.parameters)
    for finding in report["findings"]:
        assert program.place.replace("BACKEND", backend) in lines[finding["place"][0] - 1]
    assert report["notes"] == []


@pytest.mark.parametrize("name", FAULTY)
@pytest.mark.tensorflow
@pytest.mark.parametrize("backend", ON_EACH[1:])
def test_it_is_said_in_the_same_words(folder: Path, backend: str, name: str) -> None:
    program = PROGRAMS[name]
    own, other = (_comparable(reports(folder, b)[name]["findings"], name, b) for b in ("tensorflow", backend))
    if backend in program.zeros:
        assert "get only zeros" in json.dumps(other)
        other = json.loads(json.dumps(other).replace("get only zeros", "get no gradient"))
    assert other == own


def _comparable(findings: list[dict[str, Any]], name: str, backend: str) -> list[dict[str, Any]]:
    """Findings without what is the framework's own: how it answers, what it calls an operation, a line for it alone."""
    whole = [{k: v for k, v in f.items() if k != "gradients"} for f in findings]
    for finding in whole:
        if "BACKEND" in PROGRAMS[name].place:
            finding["place"], finding["labels"], finding["fix"] = None, None, None
        elif finding["cause"] == "non-differentiable-op":
            finding["labels"] = [[line, text.split(":")[0]] for line, text in finding["labels"]]
    return whole
