"""Processes that a script spawns itself are watched, and what they found is said by the script's own."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from test_job import finding, report
from whygrad import letters
from whygrad.spawned import Spawned

SCRIPT = dedent(
    """\
    import sys
    import torch
    from torch import nn
    import torch.multiprocessing as mp


    def train(rank, fails):
        body, head = nn.Linear(2, 2), nn.Linear(2, 1)
        optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)
        for _ in range(2):
            head(body(torch.ones(4, 2)).detach()).mean().backward()
            optimizer.step()
        print("rank", rank)
        if fails and rank:
            raise ValueError("on purpose")


    if __name__ == "__main__":
        mp.spawn(train, args=(len(sys.argv) > 1,), nprocs=2)
    """
)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False, timeout=170
    )


@pytest.mark.torch
def test_what_spawned_processes_train_is_watched(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "train.py").write_text(SCRIPT, "utf-8")
    done = run(tmp_path, "-m", "whygrad", "run", "--json", "out.json", "train.py", "fails")
    assert done.returncode == 1
    plain = run(tmp_path, "train.py", "fails")
    assert sorted(done.stdout.split("\n")) == sorted(plain.stdout.split("\n"))
    assert "whygrad" not in done.stderr.partition("ProcessRaisedException")[2].partition("error[")[0]
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert [(f["cause"], f["culprit"]["line"]) for f in found["findings"]] == [("stop-gradient", 11)]
    assert found["script"]["error"].startswith("ProcessRaisedException")


def test_without_processes_a_report_is_the_scripts_own() -> None:
    spawned = Spawned(["t.py"], 10)
    spawned.start()
    assert spawned.collected(report(finding(3, "a"))) == report(finding(3, "a"))


def test_what_processes_leave_behind_is_taken_in_and_cleared_away() -> None:
    own = type(report())("1", ("t.py", "x"), 0, None, {}, (), ())
    spawned = Spawned(own.argv, 10)
    folder = Path(spawned.folder())
    spawned.count = 2
    for number in range(2):
        (folder / f"{number}.json").write_text(letters.written(report(finding(3, "a"))), "utf-8")
    joined = spawned.collected(own)
    assert [f.ranks for f in joined.findings] == [(0, 1)]
    assert joined.argv == own.argv
    assert not folder.exists()


def test_a_function_goes_to_its_process_as_itself() -> None:
    from whygrad.spawned import _Guided

    spawned = Spawned(["t.py"], 10)
    made, given = _Guided(len, spawned, ()).__reduce__()
    assert (made.__name__, given[0], given[2:]) == ("begun", len, (("t.py",), 10, ()))
    assert pickle.dumps((made, given))
    assert spawned.count == 1
    spawned.collected(report())
