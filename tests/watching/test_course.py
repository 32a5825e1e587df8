from __future__ import annotations

from itertools import pairwise

from looks import course, look, parameter
from whygrad.watching.course import MOST_KEPT


def test_a_long_run_is_thinned_out_evenly() -> None:
    made = course([look(n, parameter("a")) for n in range(1, 5001)])
    steps = [each.step for each in made.kept]
    assert made.looks == 5000
    assert len(steps) <= MOST_KEPT
    assert (steps[0], steps[-1]) == (1, 5000)
    gaps = {b - a for a, b in pairwise(steps[:-1])}
    assert len(gaps) == 1


def test_what_is_rare_is_not_thinned_out() -> None:
    made = course([look(n, parameter("a", None if n == 701 else 1.0, nonfinite=int(n == 701))) for n in range(1, 2000)])
    assert made.nonfinite == {"a": 701}
    assert made.nonfinite_steps["a"] == 1
