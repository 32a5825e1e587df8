"""`whygrad run --prove`: the script once more, with the changes that help offers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commands import whygrad

pytestmark = pytest.mark.torch

HELPER = "def target(values):\n    return values.detach()\n"
SCRIPT = """
import os
import sys

import torch
from torch import nn

import helper

torch.manual_seed(0)
body, head = nn.Linear(2, 2), nn.Linear(2, 1)
layers = nn.ModuleDict({"body": body, "head": head})
optimizer = torch.optim.SGD(layers.parameters(), lr=0.1)
for _ in range(3):
    loss = head(helper.target(body(torch.ones(4, 2)))).square().mean()
    loss.backward()
    optimizer.step()
with open("runs", "a") as runs:
    print(*sys.argv[1:], os.environ.pop("WHEN", "again"), file=runs)
os.chdir("/")
print("out")
"""


def proven(folder: Path, *arguments: str, stdin: bytes = b"") -> tuple[Any, Any]:
    out = folder / "out.json"
    done = whygrad(["run", "--prove", "--json", str(out), *arguments], folder, stdin, WHEN="first")
    return done, json.loads(out.read_text("utf-8"))["findings"]


def test_a_change_in_an_imported_file_is_tried_as_the_script_was_begun(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT, "utf-8")
    (tmp_path / "helper.py").write_text(HELPER, "utf-8")
    done, (finding,) = proven(tmp_path, "train.py", "--rate", "1")
    assert (finding["cause"], finding["culprit"]["line"]) == ("stop-gradient", 2)
    assert finding["proof"]["kind"] == "counterfactual"
    assert finding["proof"]["holds"]
    assert done.stdout == "out\n"
    assert "proven: stop-gradient in line 2: the script was run once more with this change:" in done.stderr
    assert (tmp_path / "runs").read_text("utf-8") == "--rate 1 first\n" * 2
    assert (tmp_path / "helper.py").read_text("utf-8") == HELPER


def test_a_script_from_standard_input_is_tried_too(tmp_path: Path) -> None:
    text = SCRIPT.replace("import helper\n", HELPER).replace("helper.target", "target")
    _, (finding,) = proven(tmp_path, "-", stdin=text.encode("utf-8"))
    assert finding["proof"]["kind"] == "counterfactual"


def test_where_no_change_is_offered_the_script_runs_once(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT, "utf-8")
    (tmp_path / "helper.py").write_text("def target(values):\n    return values.round()\n", "utf-8")
    _, (finding,) = proven(tmp_path, "train.py")
    assert finding["cause"] == "non-differentiable-op"
    assert finding["proof"]["kind"] == "structural"
    assert (tmp_path / "runs").read_text("utf-8") == "first\n"


def test_a_launcher_is_refused(tmp_path: Path) -> None:
    done = whygrad(["run", "--prove", "-m", "torch.distributed.run", "train.py"], tmp_path)
    assert done.status == 2
    assert "--prove runs a script in one process" in done.stderr
