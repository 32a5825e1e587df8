from __future__ import annotations

from rich.text import Text

from whygrad.render.look import Look
from whygrad.render.prose import remark, wrapped


def plain(lines: list[Text]) -> list[str]:
    return [line.plain for line in lines]


def test_words_hang_under_the_first() -> None:
    assert plain(remark("note", "one two three four five", Look(width=16))) == [
        "note: one two",
        "      three four",
        "      five",
    ]


def test_a_head_of_its_own() -> None:
    (line,) = remark("unproven", "still missing", Look(), head="not proven")
    assert line.plain == "not proven: still missing"
    assert [(span.start, span.end, span.style) for span in line.spans] == [(0, 11, "unproven")]


def test_a_long_word_is_left_whole() -> None:
    assert plain(wrapped(Text("a averyveryverylongword b"), 10, 2)) == ["a", "  averyveryverylongword", "  b"]
    assert plain(wrapped(Text("averyveryverylongword"), 10, 2)) == ["averyveryverylongword"]


def test_wide_letters_count_twice() -> None:
    assert plain(wrapped(Text("温度 温度 温度"), 10, 0)) == ["温度 温度", "温度"]


def test_styles_survive() -> None:
    lines = wrapped(Text.assemble("plain ", ("red words", "error")), 10, 1)
    assert plain(lines) == ["plain red", " words"]
    assert [str(span.style) for line in lines for span in line.spans] == ["error", "error"]


def test_no_words() -> None:
    assert plain(wrapped(Text(""), 10, 1)) == [""]
