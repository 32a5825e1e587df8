"""What is told along the way, and what the end adds to it."""

from __future__ import annotations

from dataclasses import replace

from whygrad.finding import Affected, Finding
from whygrad.span import Span
from whygrad.telling import Telling

FOUND = Finding("frozen", "error", "`w` is lost", (Affected("w", (2,), "float32"),), Span("train.py", 7, 1, 7, 5))


def telling() -> tuple[Telling, list[Finding]]:
    heard: list[Finding] = []
    return Telling(heard.append), heard


def test_each_is_told_once_when_it_is_certain_and_notes_are_not() -> None:
    made, heard = telling()
    note = replace(FOUND, severity="note", cause="not-called")
    for certain in (False, True, True):
        made.tell({FOUND.identity: FOUND, note.identity: note}, lambda finding, certain=certain: certain)
    assert heard == [FOUND]


def test_parameters_that_came_later_are_added() -> None:
    made, _ = telling()
    made.tell({FOUND.identity: FOUND}, lambda finding: True)
    grown = FOUND.of((*FOUND.parameters, Affected("u", (3,), "float32")))
    assert list(made.afterthoughts([grown])) == ["`u` too: the same frozen in line 7"]
    assert not list(made.afterthoughts([FOUND]))


def test_what_is_a_note_in_the_end_or_nothing_is_taken_back() -> None:
    made, _ = telling()
    made.tell({FOUND.identity: FOUND}, lambda finding: True)
    back = "what was told of `frozen` in line 7 is taken back: later steps bring these gradients"
    assert list(made.afterthoughts([replace(FOUND, severity="note")])) == [back]
    assert list(made.afterthoughts([])) == [back]
