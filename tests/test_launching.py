"""`torchrun` and whygrad: one report of a job, from rank 0."""

from __future__ import annotations

import json
import multiprocessing
import sys
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest

from launch import execute
from test_job import finding, report
from whygrad.launching import Wishes, is_launcher, with_children
from whygrad.target import Target


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target("module", "torch.distributed.run"), True),
        (Target("script", "/somewhere/bin/torchrun"), True),
        (Target("module", "package.train"), False),
        (Target("script", "torch.distributed.run"), False),
        (Target("module", "accelerate.commands.launch", ("train.py",)), True),
        (Target("script", "/somewhere/bin/accelerate", ("launch", "train.py")), True),
        (Target("script", "/somewhere/bin/accelerate", ("config",)), False),
    ],
)
def test_what_a_launcher_is(target: Target, expected: bool) -> None:
    assert is_launcher(target) is expected


def test_processes_that_the_script_starts_itself_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from itertools import count

    silent, note = report(), "the script started 2 processes of its own, which are not watched"
    silent = type(silent)("1", ("t.py",), 0, None, {}, (), ())
    monkeypatch.setattr(multiprocessing.process, "_process_counter", count(3))
    assert with_children(silent).notes[0].startswith(note)
    assert with_children(report()) == report()
    assert with_children(report(finding(3, "a"))) == report(finding(3, "a"))
    monkeypatch.setattr(multiprocessing.process, "_process_counter", count(1))
    assert with_children(silent) == silent


@pytest.mark.torch
def test_the_command_line_of_torchrun() -> None:
    pytest.importorskip("torch")
    from whygrad.recorders.torch.launcher import guided

    before = ["--nproc-per-node", "2", "--rdzv-backend=c10d"]
    ours = ["--json", "out"]
    guides = partial(guided, "torch.distributed.run")
    assert guides([*before, "t.py", "-m", "5"], ours) == [*before, "-m", "whygrad", "run", *ours, "t.py", "-m", "5"]
    assert guides([*before, "-m", "p.t"], ours) == [*before, "-m", "whygrad", "run", *ours, "-m", "p.t"]
    assert guides(["--no-python", "a"], ours) is None
    assert guides(["--help"], ours) is None


@pytest.mark.torch
@pytest.mark.slow  # two processes, each of which imports torch
def test_what_accelerate_starts_is_watched(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    (tmp_path / "train.py").write_text(CUT)
    job = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes", "1", "train.py", "7"]
    done = execute([sys.executable, "-m", "whygrad", "run", "--json", "out.json", *job], tmp_path, OMP_NUM_THREADS="1")
    assert (done.status, done.stdout) == (1, "['train.py', '7']\n")
    (found,) = json.loads((tmp_path / "out.json").read_text())["findings"]
    assert (found["cause"], found["culprit"]["line"]) == ("stop-gradient", CUT[: CUT.index("detach")].count("\n") + 1)
    assert "Traceback" not in done.stderr  # whygrad's verdict is no crash of the script's


def test_what_each_process_is_told() -> None:
    told = Wishes("out.json", "json", 3, True, "seen").options("/tmp/out.json")
    assert told == [
        "--own-status",
        "--json",
        "/tmp/out.json",
        "--format",
        "json",
        "--steps",
        "3",
        "--quiet",
        "--watch-dir",
        "seen",
    ]
    assert "--watch-dir" not in Wishes(None, "text", 10, False).options("out")


CUT = dedent(
    """
    import sys, torch
    from accelerate import Accelerator
    print(sys.argv)
    body, head = torch.nn.Linear(4, 4), torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)
    accelerator = Accelerator(cpu=True)
    body, head, optimizer = accelerator.prepare(body, head, optimizer)
    for step in range(3):
        optimizer.zero_grad()
        accelerator.backward(head(body(torch.ones(3, 4)).detach()).square().mean())
        optimizer.step()
    """
)

# Rank 1 alone loses the layer; the wrapper waits for another one, which nobody calls, and raises in the second step.
PROGRAM = dedent(
    """
    import torch, torch.distributed
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.spare = nn.Linear(4, 2), nn.Linear(2, 2)
        def forward(self, x):
            return self.body(x)

    torch.distributed.init_process_group("gloo")
    rank = torch.distributed.get_rank()
    torch.manual_seed(0)
    model, own = DistributedDataParallel(Net()), nn.Linear(2, 1)
    optimizer = torch.optim.SGD([*model.parameters(), *own.parameters()], lr=0.1)
    for step in range(3):
        out = own(model(torch.ones(3, 4)))
        if rank == 1:
            out = out.detach() + model(torch.ones(3, 4)).sum()
        optimizer.zero_grad()
        out.square().mean().backward()
        optimizer.step()
        print(f"rank {rank} step {step}\\n", end="")  # in one piece: both ranks write to one pipe
    """
)


@pytest.mark.torch
@pytest.mark.slow  # the one proof that the ranks of a real job are heard: three imports of torch
def test_one_report_of_a_job(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "train.py").write_text(PROGRAM)
    job = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "train.py"]
    done = execute([sys.executable, "-m", "whygrad", "run", "--json", "out.json", *job], tmp_path, OMP_NUM_THREADS="1")
    assert done.status == 1
    assert sorted(done.stdout.split("\n")) == ["", "rank 0 step 0", "rank 1 step 0"]
    findings = json.loads((tmp_path / "out.json").read_text())["findings"]
    found = {f["cause"]: (f["ranks"], [p["path"] for p in f["parameters"]]) for f in findings}
    assert found["not-called"] == ([0, 1], ["model.spare.weight", "model.spare.bias"])
    assert found["stop-gradient"] == ([1], ["own.weight", "own.bias"])
    assert done.stderr.count("error[not-called]") == 1
    # What the wrapper waits for is said on the first step, before torch raises in the second.
    assert done.stderr.index("error[not-called]") < done.stderr.index("[rank0]: Traceback")
    assert {path.name for path in tmp_path.iterdir()} == {"train.py", "out.json"}
