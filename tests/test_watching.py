"""``whygrad run --watch``, as it is called: folders, crashes, and what belongs to the script."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from launch import Done, execute, plain, write

TRAINING = """
import os, signal, sys
import torch
torch.manual_seed(0)
net = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(40):
    loss = net(torch.randn(8, 4)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
os.chdir('/')
if 'killed' in sys.argv:
    os.kill(os.getpid(), signal.SIGKILL)
1 / 0
"""
SCRIPTS = {"train.py": TRAINING, "quick.py": "print('out')\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "work", SCRIPTS)


def watched(folder: Path, *arguments: str) -> Done:
    command = [sys.executable, "-m", "whygrad", "run", *arguments]
    return execute(command, folder, OMP_NUM_THREADS="1", COLUMNS="200")


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_script_without_steps_leaves_no_folder(folder: Path) -> None:
    done = watched(folder, "--watch", "quick.py")
    assert (done.status, done.stdout) == (0, "out\n")
    assert "whygrad watch: no step of an optimizer was seen, and nothing was written" in done.stderr
    assert not (folder / "whygrad-watch").exists()
    assert watched(folder, "--watch", "--quiet", "quick.py") == Done(0, "out\n", "")


def test_a_folder_that_can_not_be_made_is_said_before_the_script_runs(folder: Path) -> None:
    done = watched(folder, "--watch-dir", "quick.py", "train.py")
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr == (
        "whygrad: error: `quick.py` can not hold what is watched: file exists; name a folder you may write to\n"
    )


@pytest.mark.torch
def test_a_script_that_fails_is_its_own_and_watched_to_the_end(folder: Path) -> None:
    done, alone = watched(folder, "--watch", "train.py"), plain(["train.py"], folder, OMP_NUM_THREADS="1")
    assert (done.status, done.stdout) == (alone.status, alone.stdout)
    assert "ZeroDivisionError" in done.stderr
    assert "the gradients look healthy" in done.stderr
    first, *steps, last = lines(folder / "whygrad-watch/train-1/health.jsonl")
    assert (first["kind"], last["kind"]) == ("run", "verdict")
    assert last["steps"] == {"SGD": 40}
    assert [p["path"] for p in steps[0]["parameters"]] == ["net.weight", "net.bias"]
    assert len(list((folder / "whygrad-watch/train-1").glob("events.out.tfevents.*"))) == 1


@pytest.mark.torch
def test_a_script_that_is_killed_leaves_whole_lines(folder: Path) -> None:
    done = watched(folder, "--watch-dir", "seen", "train.py", "killed")
    assert done.status == -signal.SIGKILL
    kinds = {line["kind"] for line in lines(folder / "seen/train-1/health.jsonl")}
    assert kinds == {"run", "step"}
