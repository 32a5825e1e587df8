"""Imports go one way, and no framework is imported that the user's script did not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from launch import environment

ROOT = Path(__file__).parent.parent
FRAMEWORKS = ("tensorflow", "keras", "tf_keras", "torch", "jax", "numpy")
HELP = "import sys; sys.argv = ['whygrad', '--help']; from whygrad.cli import main; main()"


def loaded(code: str, folder: Path, *watched: str) -> list[str]:
    """Which of the watched modules a fresh interpreter has loaded after running some code."""
    ask = f"{code}\nprint('loaded', *sorted({set(watched)!r} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=folder, capture_output=True, text=True, check=True, env=environment()
    )
    return done.stdout.splitlines()[-1].split()[1:]


def test_imports_go_one_way() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "code",
    [
        f"{HELP}",
        "import sys, whygrad",
        "import sys, whygrad.cli, whygrad.run, whygrad.voice, whygrad.session, whygrad.causes",
        "import sys; from whygrad.session import Session; s = Session(['x'], 2, print); s.start(); s.close(0, None)",
    ],
    ids=["--help", "whygrad", "all that run needs", "a session"],
)
def test_no_framework_is_imported(code: str, tmp_path: Path) -> None:
    assert loaded(code, tmp_path, *FRAMEWORKS) == []


def test_help_needs_no_rich(tmp_path: Path) -> None:
    assert loaded(HELP, tmp_path, "rich", "whygrad.render", "whygrad.session") == []


def test_the_checks_above_can_fail(tmp_path: Path) -> None:
    (tmp_path / "keras.py").touch()
    assert loaded(f"{HELP}\nimport keras, rich", tmp_path, *FRAMEWORKS, "rich") == ["keras", "rich"]
