from __future__ import annotations

import pytest

from whygrad.render.look import Look
from whygrad.render.neutral import neutral, pieces


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain `code` [red]not markup[/red] :smile:", "plain `code` [red]not markup[/red] :smile:"),
        ("\x1b]8;;http://evil\x1b\\click\x1b[0m", r"\x1b]8;;http://evil\x1b\click\x1b[0m"),
        ("\x9b31m", r"\x9b31m"),
        ("one\ntwo\r\n\x00\x7f", r"one\ntwo\r\n\x00\x7f"),
        ("access = '\u202enimda\u2066'", r"access = '\u202enimda\u2066'"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("half \udc80 a letter", r"half \udc80 a letter"),
        ("\tindented", "    indented"),
        ("größe 温度 🎉 e\u0301", "größe 温度 🎉 e\u0301"),
        ("\u2764\ufe0f", "\u2764"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert neutral(text, Look()) == shown


def test_without_unicode_all_is_ascii() -> None:
    assert neutral("größe 温 🎉", Look(unicode=False)) == r"gr\xf6\xdfe \u6e29 \U0001f389"


def test_each_character_keeps_its_place() -> None:
    text = "\tü\x1b温\ufe0f"
    assert pieces(text, Look()) == ["    ", "ü", r"\x1b", "温", ""]
    assert len(pieces(text, Look(unicode=False))) == len(text)
