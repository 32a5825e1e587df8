"""Whole findings as they are read, at three widths."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from render.samples import CASES, SOURCES, At, bare, edit, many_parameters, tabs_and_wide_letters, unused_output
from whygrad.finding import Counts, Finding, Fix, Label, Report, Request, Step, Steps
from whygrad.render import text
from whygrad.render.look import Look
from whygrad.span import Span

WIDTHS = (120, 80, 40)


@pytest.fixture(autouse=True)
def sources(write: Callable[..., None]) -> None:
    for file, (first, source) in SOURCES.items():
        write(file, source, first)


def look(width: int, *, color: bool = False, unicode: bool = True) -> Look:
    return Look(width, color, unicode, cwd="/work/project")


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.__name__))
def test_finding(case: Callable[[At], Finding], at: At, golden: Callable[[str, str], None]) -> None:
    finding = case(at)
    shown = [f"== {width} columns ==\n{text.finding(finding, look(width))}\n" for width in WIDTHS]
    golden(f"{case.__name__}.txt", "\n".join(shown))


def test_the_voice(at: At) -> None:
    assert text.finding(unused_output(at), look(120)) == (
        """\
error[unused-output]: `pred/kernel` and `pred/bias` get no gradient: the loss does not use the output of `pred`
  --> train.py:22:41
   |
21 |         predictions = model(x_train)
   |                       -------------- `pred` runs here, and nothing reads its output
22 |         loss = tf.reduce_mean(tf.square(model.dense1(x_train) - y_train))
   |                                         ^^^^^^^^^^^^^^^^^^^^^ the loss is built from this, upstream of `pred`
   |
note: path: pred/kernel > MatMul > BiasAdd > `predictions`, and there it ends
help: build the loss from `predictions`
   |
22 |         loss = tf.reduce_mean(tf.square(predictions - y_train))
   |                                         ~~~~~~~~~~~
proven: rerun with this change, both gradients are finite and non-zero"""
    )


def shown_everywhere(at: At) -> list[tuple[Look, str]]:
    """Every case in every look."""
    looks = [look(width, unicode=unicode) for width in (20, 33, 40, 57, 80, 120) for unicode in (True, False)]
    return [(each, text.finding(case(at), each)) for case in CASES for each in looks]


def test_no_line_ends_in_a_blank_or_moves_the_cursor(at: At) -> None:
    for _, shown in shown_everywhere(at):
        for line in shown.split("\n"):
            assert line == line.rstrip()
            assert not [c for c in line if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


def test_a_frame_keeps_to_the_width(at: At) -> None:
    for each, shown in shown_everywhere(at):
        for line in shown.split("\n"):
            # A place or a name is left whole, so that it can be copied.
            breakable = re.fullmatch(r" *\d* [|+-](?: .*)?", line) and not re.search(r"\S{16}", line)
            assert not breakable or cell_len(line) <= max(each.width, 26), (each.width, line)


def test_a_terminal_without_unicode_gets_ascii(at: At) -> None:
    for each, shown in shown_everywhere(at):
        assert each.unicode or shown.isascii()
    shown = text.finding(tabs_and_wide_letters(at), look(120, unicode=False))
    assert r'g("\U0001f389\U0001f389", gr\xf6\xdfe.numpy())' in shown


def test_colour_changes_no_word_and_is_reset_on_every_line(at: At) -> None:
    for case in CASES:
        plain = text.finding(case(at), look(80))
        coloured = text.finding(case(at), look(80, color=True))
        assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
        for line in coloured.split("\n"):
            assert "\x1b" not in line or line.rindex("\x1b[0m") == line.rindex("\x1b")


def test_colours(at: At) -> None:
    shown = text.finding(unused_output(at), look(120, color=True))
    assert shown.startswith("\x1b[1;31merror[unused-output]\x1b[0m\x1b[1m: `pred/kernel`")
    assert "\x1b[1;94m22 \x1b[0m" in shown
    assert "\x1b[1;31m^^^^" in shown
    assert "\x1b[1;94m----" in shown
    assert "\x1b[32m~~~~" in shown
    warning = text.finding(many_parameters(at), look(120, color=True))
    assert warning.startswith("\x1b[1;33mwarning[")
    assert "\x1b[1;33m^^^^" in warning
    assert "\x1b[1mcomputed while" in warning


def test_the_environment_has_no_say(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = unused_output(at)
    plain, coloured = (text.finding(finding, look(80, color=color)) for color in (False, True))
    for name, value in {"NO_COLOR": "1", "FORCE_COLOR": "1", "COLUMNS": "30", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    assert (text.finding(finding, look(80)), text.finding(finding, look(80, color=True))) == (plain, coloured)


def test_every_severity_has_its_colour(at: At) -> None:
    note = replace(unused_output(at), severity="note")
    assert text.finding(note, look(80, color=True)).startswith("\x1b[1;36mnote[")


def test_a_path_among_the_notes_is_not_told_twice(at: At) -> None:
    told = replace(unused_output(at), notes=("path: told by the cause",))
    shown = text.finding(told, look(80))
    assert shown.count("note: path:") == 1
    assert "told by the cause" in shown


def test_two_stations_are_no_way(at: At) -> None:
    chain = (Step("parameter", "w"), Step("loss", "the loss"))
    assert "path:" not in text.finding(replace(unused_output(at), chain=chain), look(80))


def test_steps_speak_only_where_they_tell_something(at: At) -> None:
    finding = unused_output(at)
    assert "steps" not in text.finding(replace(finding, steps=Steps(10, 10)), look(80))
    assert "note: seen in 3 of 10 steps\n" in text.finding(replace(finding, steps=Steps(10, 3)), look(80))
    assert "note: seen on ranks 0 and 2\n" in text.finding(replace(finding, ranks=(2, 0)), look(80))


def test_a_culprit_without_labels_is_underlined(at: At) -> None:
    finding = replace(unused_output(at), labels=())
    assert "\n   |                                         ^^^^^^^^^^^^^^^^^^^^^\n" in text.finding(finding, look(120))


def test_report(at: At, golden: Callable[[str, str], None]) -> None:
    report = Report(
        version="0.1.0",
        argv=("train.py",),
        status=1,
        error="ValueError: No gradients provided for any variable.",
        frameworks={"tensorflow": "2.21.0", "keras": "3.15.1"},
        requests=(Request("R1", "tf.GradientTape.gradient", None, 10, 1, Counts(20, 6, 14)),),
        findings=(unused_output(at), many_parameters(at)),
        frozen=10,
    )
    shown = [f"== {width} columns ==\n{text.render(report, look(width))}" for width in WIDTHS]
    golden("report.txt", "\n".join(shown))


def test_a_report_ends_with_one_newline(at: At) -> None:
    report = Report("0.1.0", ("train.py",), 0, None, findings=(unused_output(at),))
    shown = text.render(report, look(80))
    assert shown.endswith("whygrad: 1 error: 2 parameters get no useful gradient\n")
    assert "\n\nwhygrad:" in shown


def test_odd_spans_never_fail(at: At) -> None:
    """Whatever a recorder got wrong, the user still gets a finding."""
    chance = random.Random(0)
    files = ["train.py", "net.py", "wide.py", "far.py", "hostile.py", "<string>", ""]

    def number() -> int | None:
        return chance.choice([None, 0, 1, 2, 5, 9, 24, 25, 80, 10**6, -3])

    for _ in range(400):
        spans = [Span(chance.choice(files), number(), number(), number(), number()) for _ in range(3)]
        edits = [edit(span, chance.choice(["", "x", "\n", "a\nb\n"])) for span in spans]
        finding = replace(
            bare(*(Label(span, chance.choice(["", "short", "rather long " * 9])) for span in spans)),
            fix=Fix("change it", tuple(edits)),
        )
        assert text.finding(finding, look(chance.choice([0, 1, 20, 40, 80])))


def test_source_is_read_from_disk_as_well(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("loss = w.detach()\n", encoding="utf-8")
    shown = text.finding(bare(Label(Span(str(script), 1, 8, 1, 18), "cut here")), replace(look(80), cwd=str(tmp_path)))
    assert " --> script.py:1:8\n  |\n1 | loss = w.detach()\n  |        ^^^^^^^^^^ cut here\n" in shown
