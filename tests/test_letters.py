"""A report as text is the same report when it is read again."""

from __future__ import annotations

import pytest

from whygrad import letters
from whygrad.finding import Affected, Counts, Edit, Finding, Fix, Label, Proof, Report, Request, Step, Steps
from whygrad.span import Span

PLACE = Span("t.py", 3, 1, 4, 2, "f", "w\n.detach()", (Span("t.py", 9), Span("größe.py")))
FINDING = Finding(
    "stop-gradient",
    "error",
    "`w` is lost",
    (Affected("w", (None, 2), None, "zero"), Affected("v", None, "float32")),
    PLACE,
    (Label(PLACE, "here"),),
    (Step("cut", "[detach]", None),),
    ("a note",),
    Fix("remove it", (Edit("t.py", 1, 2, 3, 4, ""),)),
    ("a cure",),
    Proof("inferred", False, "no"),
    "R1",
    Steps(4, 3),
    (1, 2),
    True,
)
REQUEST = Request("R1", "backward", PLACE, 3, 2, Counts(4, 2, 2))
FULL = Report("0.1.0", ("t.py", "-v"), None, "E: no", {"torch": "2.13"}, (REQUEST,), (FINDING,), 2, ("a note",))


@pytest.mark.parametrize("report", [FULL, Report("0.1.0", (), None, None)])
def test_a_report_comes_back_whole(report: Report) -> None:
    assert letters.read(Report, letters.written(report)) == report


@pytest.mark.parametrize("text", ["", "[]", "3", '{"version": "1", "nonsense": 2}', '{"version": "1"}'])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        letters.read(Report, text)
