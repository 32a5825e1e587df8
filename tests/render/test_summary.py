from __future__ import annotations

from dataclasses import replace

from whygrad.finding import Affected, Counts, Finding, Gradient, Report, Request, Severity
from whygrad.render.look import Look
from whygrad.render.summary import closing

HEALTHY = Report("0.1.0", ("train.py",), 0, None, requests=(Request("R1", "loss.backward", None, 10, 1, Counts(4, 4)),))


def shown(report: Report, width: int = 120) -> list[str]:
    return [line.plain for line in closing(report, Look(width))]


def asked(*totals: int, count: int = 10) -> tuple[Request, ...]:
    return tuple(Request(f"R{n}", "grad", None, count, 1, Counts(total, total)) for n, total in enumerate(totals))


def finding(severity: Severity, *paths: str, gradient: Gradient = "none") -> Finding:
    parameters = tuple(Affected(path, (2,), "float32", gradient) for path in paths)
    return Finding("stop-gradient", severity, "title", parameters, None)


def test_all_is_well() -> None:
    assert shown(HEALTHY) == ["whygrad: all 4 parameters that were asked for get a gradient (1 request, 10 times)"]


def test_all_is_well_with_one_parameter_and_one_step() -> None:
    report = replace(HEALTHY, requests=asked(1, count=1), frozen=3)
    assert shown(report) == [
        "whygrad: the one parameter that was asked for gets a gradient (1 request, once); 3 frozen on purpose"
    ]


def test_several_requests_may_share_parameters_so_no_total_is_told() -> None:
    assert shown(replace(HEALTHY, requests=asked(4, 6))) == [
        "whygrad: all parameters that were asked for get a gradient (2 requests, 20 times)"
    ]
    report = replace(HEALTHY, requests=asked(4, 6), findings=(finding("error", "a", "b"),))
    assert shown(report) == ["whygrad: 1 error: 2 parameters get no useful gradient"]


def test_faults() -> None:
    report = replace(
        HEALTHY,
        requests=asked(6),
        findings=(finding("error", "a"), finding("warning", "a", "b", gradient="zero")),
        frozen=10,
    )
    assert shown(report) == [
        "whygrad: 1 error, 1 warning: 2 of 6 parameters get no useful gradient; 4 are healthy, 10 frozen on purpose"
    ]


def test_one_of_each() -> None:
    report = replace(HEALTHY, requests=asked(2), findings=(finding("error", "a"),))
    assert shown(report) == ["whygrad: 1 error: 1 of 2 parameters gets no useful gradient; 1 is healthy"]


def test_a_parameter_that_stands_still() -> None:
    findings = (finding("error", "a", "b"), finding("warning", "c", gradient="present"))
    assert shown(replace(HEALTHY, findings=findings), width=200) == [
        "whygrad: 1 error, 1 warning: 2 of 4 parameters get no useful gradient; "
        "1 of 4 parameters gets a gradient that is not applied, 1 is healthy"
    ]


def test_a_parameter_that_only_a_penalty_moves() -> None:
    warning = replace(finding("warning", "c", gradient="present"), penalised=True)
    assert shown(replace(HEALTHY, findings=(finding("error", "a", "b"), warning)), width=200) == [
        "whygrad: 1 error, 1 warning: 2 of 4 parameters get no useful gradient; "
        "1 of 4 parameters gets its gradient from a weight penalty alone, 1 is healthy"
    ]


def test_notes_are_no_faults() -> None:
    report = replace(HEALTHY, findings=(finding("note", "a"), finding("note", "b")))
    assert shown(report)[0].startswith("whygrad: 2 notes: all 4 parameters that were asked for get")
    partly = (Request("R1", "grad", None, 1, 1, Counts(4, 3, 1)),)
    assert "3 of 4 parameters that were asked for get" in shown(replace(report, requests=partly))[0]


def test_parameters_that_nobody_asked_for_belong_to_no_total() -> None:
    report = replace(HEALTHY, findings=(finding("warning", "a", "b", "c", "d", "e"),))
    assert shown(report) == ["whygrad: 1 warning: 5 parameters get no useful gradient"]


def test_a_finding_without_parameters() -> None:
    assert shown(replace(HEALTHY, findings=(finding("error"),))) == ["whygrad: 1 error"]


def test_nothing_asked() -> None:
    report = replace(HEALTHY, requests=(), notes=("recording was switched off", "the script defines a model"))
    assert shown(report) == [
        "whygrad: no gradient was asked for",
        "note: recording was switched off",
        "note: the script defines a model",
    ]


def test_how_the_script_ended() -> None:
    assert shown(replace(HEALTHY, status=1, error="ValueError: no\nsecond line"))[1:] == [
        "note: the script ended with ValueError: no"
    ]
    assert shown(replace(HEALTHY, status=130, error="KeyboardInterrupt: "))[1:] == [
        "note: the script ended with KeyboardInterrupt"
    ]
    assert shown(replace(HEALTHY, status=3, error=" \n"))[1:] == ["note: the script ended with exit status 3"]
    assert shown(replace(HEALTHY, status=None))[1:] == []
    (note,) = shown(replace(HEALTHY, error="E: " + "x" * 500), width=400)[1:]
    assert note == f"note: the script ended with E: {'x' * 157} ..."


def test_versions_are_told_where_there_is_room() -> None:
    report = replace(HEALTHY, frameworks={"tensorflow": "2.21.0", "keras": "3.15.1"})
    assert shown(report)[0].endswith(" times) (tensorflow 2.21.0, keras 3.15.1)")
    assert shown(report, width=90) == shown(HEALTHY)
    assert closing(report, Look(120))[0].spans[-1].style == "faint"


def test_outside_text_is_neutral() -> None:
    report = replace(HEALTHY, error="E: \x1b[2J", notes=("\x07",), frameworks={"jax\x1b": "0"})
    assert "\x1b" not in "".join(shown(report))
