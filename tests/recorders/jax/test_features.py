"""What the less usual features of JAX do is followed: silence on what is well, the line of what is not."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

pytest.importorskip("jax")

import jax

from hearing import Ear
from jax_features import FEATURES, start
from whygrad import spec
from whygrad.diagnose import diagnose
from whygrad.finding import Finding
from whygrad.recorders.jax import Jax

pytestmark = [pytest.mark.jax, pytest.mark.filterwarnings("ignore")]
# Followed op by op as well: what they do differs from what their compiled program says.
EAGERLY = [name for name in FEATURES if "mutable" in name or name in ("sharded", "a_counter_beside")]
WAYS = [*((name, "jit") for name in FEATURES), *((name, "eager") for name in EAGERLY)]


def findings(name: str, how: str, way: Any) -> list[Finding]:
    recorder = Jax()
    ear = Ear(recorder)
    recorder.start(ear)
    try:
        gradient = jax.value_and_grad(lambda p: FEATURES[name](way, p))
        (jax.jit(gradient) if how == "jit" else gradient)(start())
    finally:
        recorder.stop()
    assert not ear.faults, ear.faults
    for graph in ear.graphs:
        spec.check(graph)
        assert {p.path for p in graph.parameters} == {"p/w", "p/b"}
    return [f for f in diagnose(ear.graphs[-1]) if f.severity != "note"]


@pytest.mark.parametrize(("name", "how"), WAYS)
def test_nothing_is_found_where_all_is_well(name: str, how: str) -> None:
    assert findings(name, how, lambda value: value * 1.0) == []


@pytest.mark.parametrize(("name", "how"), WAYS)
def test_a_stop_is_found_at_its_line(name: str, how: str) -> None:
    (finding,) = findings(name, how, jax.lax.stop_gradient)
    lines, first = inspect.getsourcelines(FEATURES[name])
    (marked,) = (first + n for n, line in enumerate(lines) if "# <- here" in line)
    assert finding.culprit is not None
    assert (finding.cause, finding.culprit.line) == ("stop-gradient", marked)
