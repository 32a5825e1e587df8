"""The examples, run as a newcomer would run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Script, exit status, cause, text under the caret, number of parameters.
EXAMPLES = [
    ("keras_bypassed_head.py", 1, "unused-output", "model.hidden(x_train)", 2),
    ("keras_bypassed_head_fit.py", 1, "unused-output", None, 2),
    ("keras_other_head.py", 1, "unused-output", None, 2),
    ("keras_stop_gradient.py", 1, "stop-gradient", "tf.stop_gradient", 4),
    ("keras_numpy_loss.py", 1, "left-framework", None, 4),
    ("keras_healthy.py", 0, None, None, 0),
    ("legacy_bypassed_head.py", 1, "unused-output", None, 2),
    ("legacy_stop_gradient.py", 1, "stop-gradient", "tf.stop_gradient", 4),
    ("torch_bypassed_head.py", 1, "unused-output", "model.hidden(x_train)", 2),
    ("torch_other_head.py", 1, "unused-output", "spreads", 2),
    ("torch_stop_gradient.py", 1, "stop-gradient", "predictions.detach()", 4),
    ("torch_numpy_loss.py", 1, "left-framework", "predictions.detach().numpy()", 4),
    ("torch_healthy.py", 0, None, None, 0),
]
NEEDS = {"torch": pytest.mark.torch, "keras": pytest.mark.tensorflow, "legacy": pytest.mark.tensorflow}


@pytest.mark.parametrize(
    ("script", "status", "cause", "code", "count"),
    [pytest.param(*row, id=row[0], marks=NEEDS[row[0].partition("_")[0]]) for row in EXAMPLES],
)
def test_an_example(script: str, status: int, cause: str | None, code: str | None, count: int, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3")
    command = [sys.executable, "-m", "whygrad", "run", "--json", str(out), f"examples/{script}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == status, done.stderr
    findings = json.loads(out.read_text("utf-8"))["findings"]
    assert [f["cause"] for f in findings] == ([] if cause is None else [cause])
    for finding in findings:
        names = [p["path"] for p in finding["parameters"]]
        assert len(names) == count
        if count == 2:
            assert all(
                n.removesuffix(":0").replace("/", ".").endswith(("pred.kernel", "pred.weight", "pred.bias"))
                for n in names
            )
        if code is not None:
            assert finding["culprit"]["code"].startswith(code)
            line = (ROOT / "examples" / script).read_text("utf-8").splitlines()[finding["culprit"]["line"] - 1]
            assert line[finding["culprit"]["column"] - 1 :].startswith(code)


@pytest.mark.tensorflow
def test_the_readme_shows_the_real_output() -> None:
    command = [sys.executable, "docs/make_readme.py", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=120).returncode == 0
