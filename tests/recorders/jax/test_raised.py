"""Scripts that end in an error of JAX's: the line that broke them is named, not the one that raised."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("jax")

from jax_raising import RAISING
from warm import Servers

pytestmark = pytest.mark.jax
# What explains it better than the error itself.
CAUSES = {
    "bool_mask": "left-framework",
    "int_shape": "left-framework",
    "number_in_nnx_jit": "left-framework",
    "python_loss": "left-framework",
    "int_python": "integer-dtype",
}


@pytest.mark.parametrize("name", RAISING)
def test_the_line_that_broke_it(name: str, tmp_path: Path, servers: Servers) -> None:
    script = tmp_path / "train.py"
    script.write_text(RAISING[name], "utf-8")
    report = servers.report(script, tmp_path / "report.json", "jax")
    (marked,) = (n for n, line in enumerate(RAISING[name].splitlines(), 1) if "# <- here" in line)
    (finding,) = report["findings"]
    culprit = finding["culprit"]
    assert finding["severity"] == "error"
    assert finding["cause"] == CAUSES.get(name, "graph-error")
    assert culprit["line"] <= marked <= culprit["end_line"]
    assert (report["script"]["error"] is None) == (name == "python_loss")
    assert report["notes"] == []


SURVIVED = """import jax
import jax.numpy as jnp

kept = []


def loss(w):
    kept.append(w * 2)
    return jnp.sum(w**2)


step = jax.jit(lambda w: w - 0.1 * jax.grad(loss)(w), donate_argnums=0)
w = jnp.ones(3)
for _ in range(6):
    old, w = w, step(w)
    for read in (lambda: old + 1, lambda: kept[-1] + 1):
        try:
            read()
        except (RuntimeError, ValueError, TypeError) as error:
            print(type(error).__name__)
raise SystemExit(3)
"""


def test_what_a_script_survives_is_no_finding(tmp_path: Path, servers: Servers) -> None:
    script = tmp_path / "train.py"
    script.write_text(SURVIVED, "utf-8")
    report = servers.report(script, tmp_path / "report.json", "jax")
    assert (report["findings"], report["notes"], report["script"]["status"]) == ([], [], 3)


USED_UP = """
import jax
import jax.numpy as jnp

step = jax.jit(lambda w: w - 0.1 * jax.grad(lambda w: jnp.sum(w**2))(w), donate_argnums=0)
w = jnp.ones(3)
step(w)
try:
    step(w)
except ValueError as error:  # by its shortcut JAX raises this, by Python a RuntimeError
    raise SystemExit(3 if "deleted or donated" in str(error) else 4)
"""


def test_what_was_used_up_is_refused_as_the_shortcut_does(tmp_path: Path, servers: Servers) -> None:
    script = tmp_path / "train.py"
    script.write_text(USED_UP, "utf-8")
    assert servers.report(script, tmp_path / "report.json", "jax")["script"]["status"] == 3
