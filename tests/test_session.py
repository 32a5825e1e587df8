"""Steps, merging and the report, with requests made by hand."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from graphs import graph_of
from losses import PENALISED, loss_of
from whygrad.fates import STEPS_TO_AGREE
from whygrad.finding import Finding
from whygrad.graph import Graph
from whygrad.recorders.recorder import Asked
from whygrad.session import Session
from whygrad.span import Span


class FakeRecorder:
    framework = "test"

    def __init__(self) -> None:
        self.said: list[str] = []

    def start(self, sink: object) -> None:
        self.said.append("start")

    def rest(self) -> None:
        self.said.append("rest")

    def wake(self) -> None:
        self.said.append("wake")

    def finish(self, error: str | None) -> None:
        self.said.append("finish")

    def stop(self) -> None:
        self.said.append("stop")

    def versions(self) -> dict[str, str]:
        return {"test": "1"}


CUT = {0: "stop-gradient"}


def cut_graph() -> Graph:
    return graph_of([("Stop", "w", "s", {0: "stop-gradient"}), ("Add", "sv", "l")], "l", none="w", given="v")


def asked(site: str, none: Sequence[str], given: Sequence[str], graph: Graph | None) -> Asked:
    seen = ("none",) * len(none) + ("present",) * len(given)
    return Asked("test", "grad", site, (*none, *given), seen, None, False, None if graph is None else lambda: graph)


def session(steps: int = 10) -> tuple[Session, list[Finding], FakeRecorder]:
    told: list[Finding] = []
    made = Session(["train.py"], steps, told.append)
    recorder = FakeRecorder()
    made.recorders.append(recorder)
    return made, told, recorder


def test_a_finding_is_announced_once_when_its_step_is_over() -> None:
    run, told, _ = session()
    run.asked(asked("a", "w", "v", cut_graph()))
    assert told == []
    for _ in range(3):
        run.asked(asked("a", "w", "v", cut_graph()))
    report = run.close(0, None)
    assert [f.cause for f in told] == ["stop-gradient"]
    assert [(f.severity, f.steps.seen, f.steps.without_gradient) for f in report.findings] == [("error", 4, 4)]
    assert [(r.id, r.count, r.recorded) for r in report.requests] == [("R1", 4, 1)]


def test_what_another_request_of_the_step_serves_is_no_finding() -> None:
    run, told, _ = session()
    run.asked(asked("discriminator", "w", "v", cut_graph()))
    run.asked(asked("generator", "", "w", None))
    assert run.close(0, None).findings == ()
    assert told == []


def test_an_inner_request_does_not_serve_what_the_outer_one_asks_for() -> None:
    run, _, _ = session()
    for _ in range(3):
        run.asked(replace(asked("inner", "", "w", None), nested=True))
        run.asked(asked("outer", "w", "v", cut_graph()))
    assert [(f.cause, f.severity) for f in run.close(0, None).findings] == [("stop-gradient", "error")]


def test_a_request_that_came_back_empty_is_a_finding_all_the_same() -> None:
    run, _, _ = session()
    graph = graph_of([("Stop", "w", "l", {0: "recording-off"})], "l", none="w")
    run.asked(asked("physics", "w", "", graph))
    run.asked(asked("boundary", "", "w", None))
    assert [f.cause for f in run.close(0, None).findings] == ["recording-off"]


def test_a_gradient_missing_in_some_steps_only_is_a_note() -> None:
    run, _, _ = session()
    run.asked(asked("a", "w", "v", cut_graph()))
    run.asked(asked("a", "", "wv", None))
    assert [f.severity for f in run.close(0, None).findings] == ["note"]


def test_recorders_rest_after_the_steps_and_wake_for_a_new_fault() -> None:
    run, _, recorder = session(steps=2)
    for _ in range(3):
        run.asked(asked("a", "", "wv", None))
    assert recorder.said == ["rest"]
    run.asked(asked("a", "w", "v", None))
    assert recorder.said == ["rest", "wake"]
    run.close(0, None)
    assert recorder.said[-1] == "stop"


def test_requests_told_together_count_each() -> None:
    run, _, _ = session()
    run.asked(asked("a", "w", "v", cut_graph()))
    run.asked(replace(asked("a", "", "wv", None), times=5))
    report = run.close(0, None)
    assert [request.count for request in report.requests] == [6]
    (finding,) = report.findings
    assert (finding.steps.seen, finding.steps.without_gradient) == (6, 1)


def test_runs_of_a_compiled_step_are_steps() -> None:
    run, _, recorder = session(steps=3)
    run.asked(asked("a", "", "wv", None))
    run.came_round()  # a step is over, and not because something compiled has run
    for function in "fgf":
        assert recorder.said == []
        run.came_round(function)
    assert recorder.said == ["rest"]


def test_a_recorder_that_wakes_by_itself_is_listened_to() -> None:
    run, _, recorder = session(steps=2)
    for _ in range(3):
        run.asked(asked("a", "", "v", None))
    run.asked(asked("b", "w", "v", cut_graph()))
    assert recorder.said == ["rest", "wake"]
    assert [f.cause for f in run.close(0, None).findings] == ["stop-gradient"]


def test_a_request_whose_recording_was_dropped_is_not_looked_at() -> None:
    run, _, recorder = session(steps=2)
    for _ in range(2):
        run.asked(asked("a", "", "wv", None))
    run.asked(asked("a", "w", "v", graph_of([], "l", none="w", given="v")))
    assert recorder.said == ["rest", "wake"]
    run.asked(asked("a", "w", "v", cut_graph()))
    assert [f.cause for f in run.close(0, None).findings] == ["stop-gradient"]


def test_a_fault_of_ours_is_said_once_and_costs_one_request() -> None:
    run, _, _ = session()
    run.fault("test", ValueError("broken"))
    run.fault("test", ValueError("broken"))
    notes = run.close(0, None).notes
    assert len(notes) == 1
    assert "ValueError: broken" in notes[0]


def branch_graph() -> Graph:
    return graph_of([("Add", "v", "l"), ("Neg", "w", "x")], "l", none="w", given="v")


def test_a_branch_not_taken_is_told_when_several_steps_agree() -> None:
    run, told, _ = session()
    for step in range(1, STEPS_TO_AGREE + 2):
        assert bool(told) == (step > STEPS_TO_AGREE + 1)
        run.asked(asked("a", "w", "v", branch_graph()))
    run.asked(asked("a", "w", "v", None))
    assert [f.cause for f in told] == ["unused-output"]


def test_a_branch_that_some_step_takes_is_a_note_and_never_told() -> None:
    run, told, _ = session()
    for none, given in (("w", "v"), ("v", "w")) * 3:
        run.asked(asked("a", none, given, branch_graph() if none == "w" else None))
    report = run.close(0, None)
    assert told == []
    assert [f.severity for f in report.findings] == ["note"]


def test_a_penalised_parameter_is_told_when_several_steps_agree() -> None:
    run, told, _ = session()
    for _ in range(4):
        assert told == []
        run.asked(asked("a", "", "wv", loss_of(PENALISED, "wv")))
    run.asked(asked("a", "", "wv", None))
    assert [(f.cause, f.severity, f.penalised) for f in told] == [("not-called", "warning", True)]
    assert [f.penalised for f in run.close(0, None).findings] == [True]


def test_a_penalised_parameter_that_the_data_reaches_in_some_step_is_healthy() -> None:
    run, told, _ = session()
    run.asked(asked("a", "", "wv", loss_of(PENALISED, "wv")))
    run.asked(asked("a", "", "wv", graph_of([("MatMul", "wv", "l")], "l", given="wv")))
    assert run.close(0, None).findings == ()
    assert told == []


def test_one_place_that_asks_for_one_layer_after_the_other_asked_for_all() -> None:
    made, _, _ = session()
    for _ in range(2):
        made.asked(asked("a", [], ["first/w", "first/b"], None))
        made.asked(asked("a", ["last/v"], ["last/w"], None))
    (request,) = made.close(0, None).requests
    counts = request.parameters
    assert (request.count, counts.total, counts.with_gradient, counts.without_gradient) == (4, 4, 3, 1)


def test_what_is_frozen_and_never_asked_for_is_counted() -> None:
    run, _, _ = session()
    run.asked(asked("a", "", "wv", replace(cut_graph(), frozen=("base/kernel", "base/bias", "w"))))
    assert run.close(0, None).frozen == 2


def test_a_title_names_what_came_to_its_finding_and_the_report_what_came_after_it_was_told() -> None:
    run, told, _ = session()
    place = Span("train.py", 7, 5, 7, 20, "step", "h.detach()")
    one, lines = cut_graph(), [("Stop", "w", "s", CUT), ("Stop", "u", "r", CUT), ("Add", "srv", "l")]
    both = graph_of(lines, "l", none="wu", given="v")
    one, both = (replace(g, stacks=((place,),), op_stack=(0,) * len(g.op_stack)) for g in (one, both))
    run.asked(asked("a", "w", "v", one))
    run.asked(asked("a", "w", "v", None))
    run.asked(asked("b", "wu", "v", both))
    report = run.close(0, None)
    assert [f.title.partition(" get")[0] for f in told] == ["`w`"]
    assert [f.title.partition(" get")[0] for f in report.findings] == ["`w` and `u`"]
    assert report.notes[0].startswith("`u` too: the same stop-gradient in line 7")


WARMING = "for step in range(3):\n    loss(stopped).backward()\n\n{behind}"


@pytest.mark.parametrize(("behind", "told_early"), [("loss(whole).backward()", 0), ("evaluate()", 1)])
def test_nothing_is_told_before_another_place_that_the_script_comes_to(
    behind: str, told_early: int, tmp_path: Path
) -> None:
    script = tmp_path / "train.py"
    script.write_text(WARMING.format(behind=behind), "utf-8")
    run, told, _ = session()
    place = Span(str(script), 2, 5, 2, 29, "<module>", "loss(stopped).backward()")
    for _ in range(3):
        run.asked(asked("warming", "w", "v", replace(cut_graph(), request=(place,))))
    assert len(told) == told_early
    run.asked(asked("whole", "", "wv", None))
    (finding,) = run.close(0, None).findings
    assert finding.severity == "note"
