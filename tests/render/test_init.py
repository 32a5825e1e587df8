from __future__ import annotations

from whygrad.finding import Report
from whygrad.render import FORMATS
from whygrad.render.look import Look


def test_every_format_gives_a_text_that_ends_with_one_newline() -> None:
    report = Report("0.1.0", ("train.py",), 0, None)
    for render in FORMATS.values():
        shown = render(report, Look())
        assert shown.endswith("\n")
        assert not shown.endswith("\n\n")
