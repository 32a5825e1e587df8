"""The ranks of a job, and what becomes of their reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from whygrad import cli
from whygrad.finding import Affected, Counts, Finding, Headline, Report, Request
from whygrad.job import Job, merged, numbered
from whygrad.span import Span
from whygrad.target import Target

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_RESTART_COUNT": "3"}


def test_a_job_is_told_from_the_environment() -> None:
    assert Job.of(TORCHRUN) == Job(1, 2, "none/3")


@pytest.mark.parametrize(
    "change", [{"WORLD_SIZE": "1"}, {"RANK": "first"}, {"TORCHELASTIC_RUN_ID": None}, {"RANK": None}]
)
def test_a_process_on_its_own(change: dict[str, str | None]) -> None:
    assert Job.of({k: v for k, v in (TORCHRUN | change).items() if v is not None}) is None


def finding(line: int, *paths: str) -> Finding:
    lost = tuple(Affected(path, (1,), "float32") for path in paths)
    return Finding("stop-gradient", "error", f"`{paths[0]}` is lost", lost, Span("t.py", line))


def report(*findings: Finding, notes: tuple[str, ...] = ()) -> Report:
    request = Request("R1", "backward", None, 6, 6, Counts(4, 2, 2))
    return Report("1", ("t.py",), 0, None, {"torch": "2"}, (request,), findings, 0, notes)


def test_what_all_ranks_found_is_one_finding() -> None:
    one = merged({0: report(finding(3, "a")), 1: report(finding(3, "a", "b"))}, 2)
    assert [(f.ranks, [p.path for p in f.parameters]) for f in one.findings] == [((0, 1), ["a", "b"])]
    assert one.notes == ("the same on all 2 ranks",)
    assert one.requests == report().requests


def test_a_title_names_what_another_rank_adds() -> None:
    told = Headline("gets no gradient", "get no gradient", "it stops here")
    one, both = (replace(finding(3, *paths), headline=told, title="") for paths in ("a", "ab"))
    (joined,) = merged({0: report(one), 1: report(both)}, 2).findings
    assert joined.title == "`a` and `b` get no gradient: it stops here"


@pytest.mark.parametrize(("rank", "watches"), [("0", True), ("1", False)])
def test_rank_0_watches_for_all(rank: str, watches: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (TORCHRUN | {"RANK": rank}).items():
        monkeypatch.setenv(name, value)
    found = cli._watch(str(tmp_path / "seen"), Target("script", "t.py"))
    assert (found is not None, (tmp_path / "seen").exists()) == (watches, watches)


def test_which_rank_found_what() -> None:
    one = merged({0: report(finding(3, "a")), 1: report(finding(3, "a"), finding(9, "c"))}, 2)
    assert [f.ranks for f in one.findings] == [(0, 1), (1,)]
    assert one.notes == ("stop-gradient of `a`: on ranks 0, 1 of 2", "stop-gradient of `c`: on rank 1 of 2")


def test_a_rank_that_is_not_heard_is_named() -> None:
    one = merged({0: report(finding(3, "a")), 2: report()}, 3)
    assert one.notes == ("stop-gradient of `a`: on rank 0 of 3", "no report came from rank 1 within 10 seconds")


def test_a_healthy_job_has_nothing_to_add() -> None:
    assert merged({0: report(), 1: report()}, 2) == report()


def test_notes_of_another_rank_are_marked() -> None:
    same, own = "the beginning was not recorded", "whygrad stopped to listen"
    one = merged({0: report(notes=(same,)), 1: report(notes=(same, own))}, 2)
    assert one.notes == (same, f"rank 1: {own}")


def test_a_rank_that_speaks_for_itself() -> None:
    found = finding(3, "a")
    assert numbered(report(found), 1).findings == (replace(found, ranks=(1,)),)
