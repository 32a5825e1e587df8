"""A release that lacks a private name: the script runs as without us, and one note says what is not listened to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from programs import surroundings

TESTS = Path(__file__).parent.parent


@pytest.mark.sweep
@pytest.mark.parametrize(
    "framework", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("tensorflow", "torch", "jax")]
)
def test_a_missing_name_is_told_and_changes_nothing(framework: str) -> None:
    pytest.importorskip(framework)
    command = [sys.executable, str(TESTS / "missing.py"), framework]
    done = subprocess.run(command, env=surroundings(framework), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    tried = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(tried) >= 10
    assert [each for each in tried if each[-1] is not None] == []
