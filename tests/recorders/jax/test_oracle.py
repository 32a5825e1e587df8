"""What is said of each leaf that the programs of the corpus ask for, beside JAX's own backward pass."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from programs import surroundings

pytest.importorskip("jax")

ROOT = Path(__file__).parents[3]
SCRIPTS = sorted(ROOT.glob("cases/jax/*/*.py"))
HAS_WAY = {"none": False, "present": True, "zero": True, "nonfinite": True}
pytestmark = [pytest.mark.jax, pytest.mark.corpus]


@pytest.mark.parametrize("script", SCRIPTS, ids=[f"{path.parent.name}-{path.stem}" for path in SCRIPTS])
def test_each_leaf(script: Path) -> None:
    command = [sys.executable, str(ROOT / "tests/jax_oracle.py"), str(script)]
    ended = subprocess.run(command, env=surroundings("jax"), capture_output=True, text=True, check=True, timeout=300)
    said = json.loads(ended.stdout)
    heard = defaultdict(list)
    for line, gradients in said["recorder"]:
        heard[line].append(gradients)
    assert said["jax"] or said["raised"]
    for line, ways, traced in said["jax"]:
        for gradients in heard[line]:
            assert len(gradients) == len(ways)
            # What a first look leaves open, and what was never traced as a whole, can be told by its values alone.
            known = [(HAS_WAY[g], way) for g, way in zip(gradients, ways, strict=True) if g != "unknown"]
            assert [has for has, way in known if traced or way] == [way for _, way in known if traced or way]
