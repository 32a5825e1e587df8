"""The manual page of every cause: its broken program yields that cause at the marked line, its fixed one nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from warm import Servers
from whygrad.causes import CAUSES, CHAIN

ROOT = Path(__file__).parent.parent.parent

# The framework that a page's program is for, and the module that a program of it needs.
FRAMEWORKS = {"TensorFlow": "tensorflow", "PyTorch": "torch", "JAX": "jax"}


def programs(title: str) -> list[Any]:
    """Every (cause, module, program) that the pages have under a title."""
    return [
        pytest.param(id, module, text, id=f"{id}-{framework}", marks=getattr(pytest.mark, module))
        for framework, module in FRAMEWORKS.items()
        for id in CAUSES
        if (text := program(id, title, framework)) is not None
    ]


def program(id: str, title: str, framework: str) -> str | None:
    found = re.search(rf"## {title}: {framework}\n+```python\n(.*?)```", CAUSES[id].page, re.DOTALL)
    return None if found is None else found[1]


def findings_of(text: str, folder: Path, module: str, servers: Servers) -> list[dict[str, Any]]:
    (folder / "page.py").write_text(text, "utf-8")
    found: list[dict[str, Any]] = servers.report(folder / "page.py", folder / "report.json", module)["findings"]
    return found


def test_the_chain_names_every_cause_once() -> None:
    ids = [id for _, causes in CHAIN for id in causes]
    assert sorted(ids) == sorted(CAUSES)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("id", CAUSES)
def test_a_summary_fits_the_list(id: str) -> None:
    summary = CAUSES[id].summary
    assert 0 < len(summary) <= 100
    assert not summary.endswith(".")
    assert CAUSES[id].page.startswith(f"# {id}\n")


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("id", CAUSES)
def test_a_page_shows_what_each_framework_does(id: str, framework: str) -> None:
    page = CAUSES[id].page
    assert f"## What {framework} does\n" in page
    assert (f"## Broken: {framework}\n" in page) == (f"## Fixed: {framework}\n" in page)


def test_the_pages_in_docs_are_current() -> None:
    command = [sys.executable, "docs/make_causes.py", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode == 0, "run docs/make_causes.py"


@pytest.mark.parametrize(("id", "module", "text"), programs("Broken"))
def test_the_broken_program_yields_the_cause(id: str, module: str, text: str, tmp_path: Path, servers: Servers) -> None:
    findings = [f for f in findings_of(text, tmp_path, module, servers) if f["severity"] != "note"]
    assert {f["cause"] for f in findings} == {id}
    marked = {n for n, line in enumerate(text.splitlines(), 1) if "# <- here" in line}
    if id != "graph-error":  # it is raised in one place and marked in another
        culprit = findings[0]["culprit"]
        assert isinstance(culprit, dict)
        assert marked & set(range(culprit["line"], (culprit["end_line"] or culprit["line"]) + 1))


@pytest.mark.parametrize(("id", "module", "text"), programs("Fixed"))
def test_the_fixed_program_yields_nothing(id: str, module: str, text: str, tmp_path: Path, servers: Servers) -> None:
    assert findings_of(text, tmp_path, module, servers) == []
