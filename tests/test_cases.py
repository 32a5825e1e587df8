"""The corpus: every broken program gets its cause and line, every fixed and every clean one gets silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from warm import Servers

pytestmark = pytest.mark.slow
CASES = [
    pytest.param(path.parent, id=path.parent.name, marks=getattr(pytest.mark, path.parent.parent.name))
    for path in sorted((Path(__file__).parent.parent / "cases").glob("*/*/case.json"))
]


def findings_of(script: Path, folder: Path, servers: Servers) -> list[dict[str, Any]]:
    report = servers.report(script, folder / "report.json", script.parent.parent.name)
    return [f for f in report["findings"] if f["severity"] != "note"]


def names(finding: dict[str, Any]) -> list[str]:
    return [p["path"] for p in finding["parameters"]]


@pytest.mark.parametrize("case", CASES)
def test_a_broken_program(case: Path, tmp_path: Path, servers: Servers) -> None:
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
def test_a_fixed_program(case: Path, tmp_path: Path, servers: Servers) -> None:
    by_design = json.loads((case / "case.json").read_text("utf-8")).get("by_design", [])
    found = findings_of(case / "fixed.py", tmp_path, servers)
    assert [f for f in found if not all(any(d in n for d in by_design) for n in names(f))] == []
