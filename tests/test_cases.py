"""The corpus: every broken program gets its cause and line, every fixed and every clean one gets silence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from edits import applied
from warm import Servers
from whygrad.finding import Edit

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
    assert not unmended(case, found, tmp_path, servers)


def unmended(case: Path, found: list[dict[str, Any]], folder: Path, servers: Servers) -> set[str]:
    """The causes that the changes which help offers do not mend, all of them made together."""
    edits = [Edit(**edit) for f in found for edit in (f["fix"] or {"edits": ()})["edits"]]
    if not edits:
        return set()
    changed = folder / case.parent.name / case.name / "broken.py"
    shutil.copytree(case, changed.parent)
    changed.write_text(applied(dict.fromkeys(edits), changed.read_text("utf-8")), "utf-8")
    left = {f["cause"] for f in findings_of(changed, folder, servers)}
    return left - {f["cause"] for f in found if not (f["fix"] or {"edits": ()})["edits"]}


@pytest.mark.corpus
@pytest.mark.parametrize("case", [case for case in CASES if (case.values[0] / "fixed.py").exists()])
def test_a_fixed_program(case: Path, tmp_path: Path, servers: Servers) -> None:
    by_design = json.loads((case / "case.json").read_text("utf-8")).get("by_design", [])
    found = findings_of(case / "fixed.py", tmp_path, servers)
    assert [f for f in found if not all(any(d in n for d in by_design) for n in names(f))] == []
