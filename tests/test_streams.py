"""Standard output and error: closed, full, taken away, coloured."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from commands import FAKES, SCRIPTS, faked
from launch import environment, execute, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "work", SCRIPTS)


@pytest.mark.parametrize("closing", ["2>&-", "1>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-", "2>/dev/full", "1>/dev/full"])
def test_closed_streams_do_not_matter(closing: str, folder: Path) -> None:
    write(folder, {"quietly_losing.py": "import fakegrad\nfakegrad.lose('a', 'error')\nopen('x', 'w').write('own')\n"})
    command = f"{sys.executable} {FAKES} run --json out.json quietly_losing.py {closing}"
    done = execute(["bash", "-c", command], folder)
    assert done.status == 1
    assert len(json.loads((folder / "out.json").read_text())["findings"]) == 1
    assert (folder / "x").read_text() == "own"
    assert "Traceback" not in done.stderr


def test_a_reader_that_left_is_told_apart(folder: Path) -> None:
    command = f"{sys.executable} {FAKES} run --format json losing.py >/dev/full"
    write(folder, {"losing.py": "import fakegrad\nfakegrad.lose('a', 'error')\n"})
    done = execute(["bash", "-c", command], folder)
    assert done.stderr == "whygrad: error: the report was not printed on stdout: no space left on device\n"
    assert done.status == 1


def test_a_script_that_takes_the_streams_away(folder: Path) -> None:
    write(
        folder,
        {"takes.py": "import fakegrad, io, sys\nsys.stdout = sys.stderr = None\nfakegrad.lose('a', 'error')\n"},
    )
    done = faked(["run", "takes.py"], folder)
    assert "whygrad: 1 error" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("env", "colored"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_color_follows_the_terminal_of_stderr(env: dict[str, str], colored: bool, folder: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, str(FAKES), "run", "losing.py"]
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=theirs, env=environment(**env), timeout=60
    )
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)
    assert done.stdout == b"out\n"
    assert (b"\x1b[" in shown) is colored
    assert b"is lost" in shown


def test_color_can_be_forced_into_a_pipe(folder: Path) -> None:
    assert "\x1b[" in faked(["run", "losing.py"], folder, FORCE_COLOR="1", TERM="xterm").stderr
    assert "\x1b[" not in faked(["run", "losing.py"], folder, TERM="xterm").stderr
