"""What the steps make of a finding."""

from __future__ import annotations

from dataclasses import replace

import pytest

from whygrad.fates import STEPS_TO_AGREE, Fates
from whygrad.finding import Affected, Finding, Fix, Gradient


def finding(cause: str, gradient: Gradient = "none") -> Finding:
    return Finding(cause, "error", "`w` is lost", (Affected("w", (2,), "float32", gradient),), None)


def fates(*got: bool) -> Fates:
    made = Fates()
    for one in got:
        made.note(["w"], {"w"} if one else set())
    return made


@pytest.mark.parametrize(
    ("cause", "got", "certain"),
    [
        ("stop-gradient", [False], True),
        ("stop-gradient", [False, True], False),
        ("not-called", [False] * (STEPS_TO_AGREE - 1), False),
        ("not-called", [False] * STEPS_TO_AGREE, True),
        ("not-called", [True] + [False] * STEPS_TO_AGREE, False),
        ("replaced-parameter", [True, False], True),
    ],
)
def test_what_can_be_told_while_the_script_runs(cause: str, got: list[bool], certain: bool) -> None:
    assert fates(*got).is_certain(finding(cause), closing=False) is certain


def test_what_the_framework_waits_for_is_certain_at_once() -> None:
    awaited = replace(finding("not-called"), awaited=True)
    assert fates(False).is_certain(awaited, closing=False)
    assert fates(True, False).judged(awaited).severity == "error"


def test_zeros_of_values_are_told_at_the_end() -> None:
    steps = fates(*[False] * 9)
    assert not steps.is_certain(finding("zero-gradient", "zero"), closing=False)
    assert steps.is_certain(finding("zero-gradient", "zero"), closing=True)


def test_a_finding_says_how_often_it_held() -> None:
    judged = fates(False, False, False).judged(finding("stop-gradient"))
    assert (judged.severity, judged.steps.seen, judged.steps.without_gradient) == ("error", 3, 3)


def test_what_got_its_gradient_in_another_step_is_a_note() -> None:
    judged = fates(False, True).judged(finding("stop-gradient"))
    assert (judged.severity, judged.steps.seen, judged.steps.without_gradient) == ("note", 2, 1)


def test_a_note_asks_for_no_change() -> None:
    told = replace(finding("stop-gradient"), fix=Fix("remove the call"), wrong_cures=("no filter",))
    judged = fates(False, True).judged(told)
    assert judged.fix is None
    assert not judged.wrong_cures
    assert "other steps bring" in judged.notes[-1]


@pytest.mark.parametrize(("gradient", "severity"), [("none", "note"), ("zero", "error")])
def test_where_something_came_that_is_not_finite_there_was_a_way(gradient: Gradient, severity: str) -> None:
    steps = fates(False)
    steps.note(["w"], set(), broken={"w"})
    cause = "stop-gradient" if gradient == "none" else "zero-gradient"
    assert steps.judged(finding(cause, gradient)).severity == severity


@pytest.mark.parametrize(("ended_in", "severity"), [("E: no", "error"), ("E: other", "note"), (None, "note")])
def test_what_ended_the_script_is_an_error_whatever_came_before(ended_in: str | None, severity: str) -> None:
    steps = fates(True, True, False)
    steps.ended_in = ended_in
    assert steps.judged(replace(finding("graph-error"), raised="E: no")).severity == severity
