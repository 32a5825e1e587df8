"""What is said of a course, and what is not."""

from __future__ import annotations

import pytest

from looks import HERE, course, look, parameter, route, steady
from whygrad.watching.course import Course
from whygrad.watching.health import Clipping
from whygrad.watching.judgement import Remark, judge


def judged(found: Course) -> list[Remark]:
    return list(judge("SGD", found, [route(["a", "b"])]))


def test_a_healthy_run_is_not_spoken_of() -> None:
    assert judged(steady({"a": 1.0, "b": 1e-3})) == []
    assert judged(Course()) == []


def test_zeros_are_told_where_they_last() -> None:
    looks = [look(n, parameter("a", 0.0, zeros=1.0), parameter("b")) for n in range(1, 6)]
    (remark,) = judged(course(looks))
    assert (remark.kind, remark.cause, remark.paths, remark.where) == ("zero", "zero-gradient", ("a",), HERE)
    assert remark.text == "`a`: a gradient of zeros alone at 5 of 5 steps looked at"
    mended = course([*looks, look(6, parameter("a"), parameter("b"))])
    assert judged(mended) == []


def test_zeros_in_some_steps_are_not_a_fault() -> None:
    looks = [look(n, parameter("a", n % 2, zeros=float(n % 2 == 0))) for n in range(1, 11)]
    assert judged(course(looks)) == []


def test_a_parameter_without_a_gradient() -> None:
    looks = [look(n, parameter("a", None, zeros=None, absent=True), parameter("b")) for n in range(1, 5)]
    assert [r.kind for r in judged(course(looks))] == ["absent"]


def test_one_that_never_moves() -> None:
    looks = [look(n, parameter("a", update=0.0), parameter("b")) for n in range(1, 5)]
    assert [(r.kind, r.cause) for r in judged(course(looks))] == [("standing", "not-updated")]
    warming_up = [look(1, parameter("a", update=0.0)), *(look(n, parameter("a")) for n in range(2, 5))]
    assert judged(course(warming_up)) == []
    sampled = [look(n, parameter("a", update=0.0, sampled=True)) for n in range(1, 5)]
    assert judged(course(sampled)) == []


def test_what_is_not_finite_is_told_even_of_one_step() -> None:
    (remark,) = judged(course([look(1, parameter("a")), look(2, parameter("a", None, nonfinite=3))]))
    assert (remark.kind, remark.cause) == ("nonfinite", "nonfinite-gradient")
    assert "first seen at step 2, at 1 of 2 steps" in remark.text


def test_a_leap_before_it_explodes() -> None:
    looks = [look(1, parameter("a", 1e9, update=1e6)), *(look(n, parameter("a", None, nonfinite=3)) for n in (2, 4, 8))]
    assert [r.kind for r in judged(course(looks))] == ["exploding", "nonfinite"]
    small = [look(n, parameter("a", 1e9, update=1e6)) for n in range(1, 6)]  # of no consequence: it began near zero
    assert judged(course(small)) == []


@pytest.mark.parametrize(("after", "kinds"), [(1e5, ["exploding"]), (1.0, [])])
def test_a_total_norm_that_jumps_and_stays(after: float, kinds: list[str]) -> None:
    norms = [1.0, 2.0, 1.0, 0.5, 1e5, after]
    found = course([look(n, parameter("a", norm)) for n, norm in enumerate(norms, 1)])
    assert [r.kind for r in judged(found)] == kinds


@pytest.mark.parametrize(("before", "warns"), [(0.5, None), (3.0, False), (700.0, True)])
def test_clipping_that_acts_on_each_step(before: float, warns: bool | None) -> None:
    clipping = Clipping("total", 1.0, before, min(before, 1.0))
    found = judged(course([look(n, parameter("a"), clipping=clipping) for n in range(1, 8)]))
    assert [(r.kind, r.warns) for r in found] == ([] if warns is None else [("clipping", warns)])


def test_clipping_that_acts_now_and_then_is_what_it_is_for() -> None:
    clips = [Clipping("total", 1.0, n, min(n, 1.0)) for n in (50.0, 50.0, 0.5, 50.0, 50.0)]
    assert judged(course([look(n, parameter("a"), clipping=each) for n, each in enumerate(clips, 1)])) == []


def test_clipping_before_the_loss_scale_is_divided_out() -> None:
    clipping = Clipping("total", 1.0, 3e-5, 2e-5, early=True)
    (remark,) = judged(course([look(n, parameter("a"), clipping=clipping) for n in range(1, 5)]))
    assert remark.warns
    assert "unscale_" in remark.text


def test_steps_that_loss_scaling_leaves_out() -> None:
    found = steady({"a": 1.0})
    found.skipped = 3
    assert judged(found) == []  # the scale is being found
    found.skipped = 300
    assert [(r.kind, r.cause) for r in judged(found)] == [("skipped", "not-updated")]
