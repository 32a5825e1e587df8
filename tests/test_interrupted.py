"""A signal at any moment: the report is whole or absent, nothing else is left, and the process dies of the signal."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import FAKES
from launch import environment, write

SCRIPT = "import fakegrad, time\nprint('ready', flush=True)\nfakegrad.lose('a', 'error')\ntime.sleep(0.2)\n"
LONGEST = 0.8  # seconds, from before whygrad begins to after it has ended on a quiet machine


@pytest.mark.parametrize("seed", range(9))
def test_a_signal_at_any_moment(seed: int, tmp_path: Path) -> None:
    write(tmp_path, {"losing.py": SCRIPT})
    number = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)[seed % 3]
    command = [sys.executable, str(FAKES), "run", "--json", "out.json", "losing.py"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        time.sleep(random.Random(seed).uniform(0, LONGEST))
        process.send_signal(number)
        said, complaints = process.communicate(timeout=60)
    left = set(os.listdir(tmp_path)) - {"losing.py"}
    if "out.json" in left:
        assert json.loads((tmp_path / "out.json").read_text())["schema"] == "whygrad/1"
    if number != signal.SIGKILL:
        assert left <= {"out.json"}
    if said == b"ready\n":
        assert b"/whygrad/" not in complaints
    # 1: it was over, or the interpreter had hardly begun.
    assert process.returncode in (-number, 1)
