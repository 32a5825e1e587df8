"""A mechanical edit is safe: applied to the program, it brings the gradient back, and whygrad has nothing to say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edits import applied
from programs import surroundings
from whygrad.causes import CAUSES
from whygrad.finding import Edit

pytestmark = pytest.mark.tensorflow
ROOT = Path(__file__).parent.parent.parent
PAGES = ("replaced-parameter", "unused-output", "not-watched", "recording-off", "stop-gradient")
# By the start of their names: a tape that begins too late, a second use of a tape, a stop in a helper.
CASES = ("t107", "t117", "t130", "t196")


def report_of(text: str, folder: Path) -> dict[str, Any]:
    (folder / "program.py").write_text(text, "utf-8")
    environment = surroundings(text)
    command = [sys.executable, "-m", "whygrad", "run", "--quiet", "--json", "report.json", "program.py"]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=240)
    loaded: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    return loaded


def page(id: str) -> str:
    return CAUSES[id].page.partition("## Broken: TensorFlow\n\n```python\n")[2].partition("```")[0]


def case(name: str) -> str:
    (folder,) = (ROOT / "cases" / "tensorflow").glob(f"{name}-*")
    return (folder / "broken.py").read_text("utf-8")


@pytest.mark.parametrize("text", [pytest.param(page(id), id=id) for id in PAGES])
def test_the_edit_of_a_page_brings_the_gradient_back(text: str, tmp_path: Path) -> None:
    mended(text, tmp_path)


@pytest.mark.corpus
@pytest.mark.parametrize("text", [pytest.param(case(name), id=name) for name in CASES])
def test_the_edit_of_a_case_brings_the_gradient_back(text: str, tmp_path: Path) -> None:
    mended(text, tmp_path)


def mended(text: str, folder: Path) -> None:
    (finding,) = [f for f in report_of(text, folder)["findings"] if f["severity"] != "note"]
    edits = [Edit(**edit) for edit in finding["fix"]["edits"]]
    assert edits, "no edit is offered"
    after = report_of(applied(edits, text), folder)
    assert after["findings"] == []
    assert after["script"]["status"] == 0
    assert all(r["parameters"]["without_gradient"] == 0 for r in after["requests"])
    assert after["requests"]
