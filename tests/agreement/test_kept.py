"""Programs that whygrad once told wrongly: each is told by the marked cause at the marked line, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from agreement.writing import marked
from warm import Servers

KEPT = sorted((Path(__file__).parent / "kept").glob("*.py"))


def framework(program: Path) -> str:
    return program.name.partition("_")[0]


@pytest.mark.parametrize(
    "program", [pytest.param(p, id=p.stem, marks=getattr(pytest.mark, framework(p))) for p in KEPT]
)
def test_a_program_that_was_told_wrongly(program: Path, tmp_path: Path, servers: Servers) -> None:
    script = marked(program.read_text("utf-8").splitlines())
    (tmp_path / "program.py").write_text(script.text, "utf-8")
    report = servers.report(tmp_path / "program.py", tmp_path / "report.json", framework(program))
    told = [f for f in report["findings"] if f["severity"] != "note"]
    assert {(f["cause"], f["culprit"]["line"]) for f in told} == script.marks
