"""Random programs of a fixed seed agree with their framework; what failed once, is mended and does not fail again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agreement import grammar
from agreement.dialects import torch as torch_dialect
from agreement.grammar import Act, Layer, Planted, Program, Residual, insert, slots
from agreement.judging import judge
from agreement.oracle import Facts
from agreement.runner import Observed, Run
from agreement.writing import write
from programs import surroundings

TESTS = Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.parametrize(
    ("framework", "number"),
    [
        pytest.param("torch", "100", marks=pytest.mark.torch),
        pytest.param("jax", "6", marks=pytest.mark.jax),
        pytest.param("nnx-jax", "4", marks=pytest.mark.jax),
        pytest.param("equinox-jax", "4", marks=pytest.mark.jax),
        pytest.param("tensorflow", "12", marks=pytest.mark.tensorflow),  # each costs twenty of the others
        pytest.param("keras-torch", "8", marks=pytest.mark.torch),
        pytest.param("keras-jax", "4", marks=pytest.mark.jax),
    ],
)
def test_programs_of_a_fixed_seed(framework: str, number: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agreement", framework, "-n", number, "-s", "7", "--no-shrink"]
    command += ["--store", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=TESTS,
        env=surroundings(framework.rpartition("-")[2]),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, "\n".join([done.stdout, done.stderr, *(p.read_text() for p in tmp_path.iterdir())])


BODY = (Layer("linear"), Residual((Act("tanh"),)))


def test_a_statement_can_be_put_into_every_place() -> None:
    bodies = {insert(BODY, place, Planted("detach")) for place in range(slots(BODY))}
    assert len(bodies) == slots(BODY) == 5


def test_marks_are_lines_of_the_text_and_are_taken_off() -> None:
    program = Program(insert(BODY, 1, Planted("detach")), training="backward", optimizer="sgd", fault="detach")
    script = write(torch_dialect, program)
    ((cause, line),) = script.marks
    assert cause == "stop-gradient"
    assert script.text.splitlines()[line - 1].strip() == "h = h.detach()"
    assert "#:" not in script.text


@pytest.mark.parametrize("fault", [*torch_dialect.FAULTS, *torch_dialect.TRAINING_FAULTS])
def test_every_fault_marks_a_line_of_a_program_that_compiles(fault: str) -> None:
    body = insert(BODY, 1, Planted(fault)) if fault in torch_dialect.FAULTS else BODY
    script = write(torch_dialect, Program(body, heads=2, training="backward", optimizer="adam", fault=fault))
    compile(script.text, "program.py", "exec")
    assert script.marks


REPORT = """{"schema": "whygrad/1", "tool": {"name": "whygrad", "version": "0"},
"script": {"argv": ["program.py"], "status": 0, "error": null},
"frameworks": {}, "requests": [], "findings": [], "notes": []}"""
STOPPED = REPORT.replace(
    '"findings": []', '"findings": [{"cause": "frozen", "severity": "error", "title": "t", "fix": null}]'
)


def run(report: str = "", weights: str = "w", gradient: str = "present") -> Run:
    return Run(Facts({"head0.weight": gradient}, weights, "r", None), "done\n", "", report)


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        (Observed(run(), run(REPORT), run(REPORT)), set()),
        (Observed(run(), run(REPORT, weights="v"), run(REPORT)), {"changed"}),
        (Observed(run(), run(REPORT), run(REPORT.replace("0", "1"))), {"report"}),
        (Observed(run(gradient="none"), run(REPORT, gradient="none"), run(REPORT)), {"disagreement", "missed cause"}),
        (Observed(run(), run("{}"), run("{}")), {"report"}),
        (Observed(run(), run(REPORT), run(REPORT), run(STOPPED)), {"edit"}),
        (Observed(run(), run(REPORT), run(REPORT), run(REPORT)), set()),
    ],
    ids=["right", "other weights", "other report", "silent", "no report", "no edit that mends", "mended"],
)
def test_what_is_wrong_is_seen(seen: Observed, kinds: set[str]) -> None:
    program = Program(BODY, training="backward", optimizer="sgd")
    found = judge(torch_dialect, program, write(torch_dialect, program), seen)
    assert {complaint.kind for complaint in found} == kinds


def test_there_are_programs_to_draw() -> None:
    assert not grammar.programs(torch_dialect).is_empty
