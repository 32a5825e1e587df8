"""The corpus: every broken program gets its cause and line, every fixed and every clean one gets silence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from programs import surroundings
from warm import MODULES, Warm, fits

pytestmark = pytest.mark.slow
CASES = [
    pytest.param(path.parent, id=path.parent.name, marks=getattr(pytest.mark, path.parent.parent.name))
    for path in sorted((Path(__file__).parent.parent / "cases").glob("*/*/case.json"))
]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Warm]]:
    """Processes with a framework imported, begun when the first script asks for one."""
    made: dict[str, Warm] = {}
    yield made
    for server in made.values():
        server.close()


def findings_of(script: Path, folder: Path, servers: dict[str, Warm]) -> list[dict[str, Any]]:
    out, text, framework = folder / "report.json", script.read_text("utf-8"), script.parent.parent.name
    arguments = ["run", "--quiet", "--json", str(out), script.name]
    if framework in MODULES and fits(text):
        if framework not in servers:
            servers[framework] = Warm(framework)
        servers[framework].run(script.parent, arguments)
    else:
        command = [sys.executable, "-m", "whygrad", *arguments]
        environment = surroundings(text)
        subprocess.run(command, cwd=script.parent, env=environment, capture_output=True, check=False, timeout=180)
    return [f for f in json.loads(out.read_text("utf-8"))["findings"] if f["severity"] != "note"]


def names(finding: dict[str, Any]) -> list[str]:
    return [p["path"] for p in finding["parameters"]]


@pytest.mark.parametrize("case", CASES)
def test_a_broken_program(case: Path, tmp_path: Path, servers: dict[str, Warm]) -> None:
    wanted = json.loads((case / "case.json").read_text("utf-8"))
    found = findings_of(case / "broken.py", tmp_path, servers)
    if not wanted["causes"]:
        assert found == []
        return
    for affected in wanted["affected"]:
        assert any(affected in name for f in found for name in names(f)), f"{affected} is not named"
    for healthy in wanted["unaffected"]:
        assert not any(healthy in name for f in found for name in names(f)), f"{healthy} is accused"
    right = [f for f in found if f["cause"] in wanted["causes"]]
    assert right, [f["cause"] for f in found]
    lines = [(f["culprit"]["line"], f["culprit"]["end_line"] or f["culprit"]["line"]) for f in right]
    ranges = wanted["culprit_lines"]
    assert any(start <= high and end >= low for start, end in lines for low, high in ranges), lines


@pytest.mark.corpus
@pytest.mark.parametrize("case", [case for case in CASES if (case.values[0] / "fixed.py").exists()])
def test_a_fixed_program(case: Path, tmp_path: Path, servers: dict[str, Warm]) -> None:
    by_design = json.loads((case / "case.json").read_text("utf-8")).get("by_design", [])
    found = findings_of(case / "fixed.py", tmp_path, servers)
    assert [f for f in found if not all(any(d in n for d in by_design) for n in names(f))] == []
