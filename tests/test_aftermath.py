"""An exception of the optimizer is traced to the finding whose request came back empty."""

from __future__ import annotations

import pytest

from whygrad.aftermath import named
from whygrad.finding import Affected, Counts, Finding

CUT = Finding("stop-gradient", "error", "`w` is cut", (Affected("w", (2,), "float32"),), None, notes=("a fact",))
EMPTY, PARTLY = Counts(2, 0, 2), Counts(2, 1, 1)
ERROR = "ValueError: No gradients provided for any variable."


def test_the_exception_comes_from_the_missing_gradients() -> None:
    assert named(CUT, "tensorflow", ERROR, EMPTY).notes == (
        "a fact",
        "the exception that ended the script comes from this: `ValueError: No gradients provided for any variable.`",
    )


def test_of_a_long_message_the_start_is_told() -> None:
    note = named(CUT, "tensorflow", f"{ERROR[:-1]}: ({'weight, ' * 40})\nand more", EMPTY).notes[-1]
    assert note.endswith(" ...`")
    assert len(note) < 130


@pytest.mark.parametrize(
    ("framework", "error", "answered"),
    [
        ("tensorflow", None, EMPTY),
        ("tensorflow", "KeyError: 'w'", EMPTY),
        ("tensorflow", ERROR, PARTLY),
        ("another", ERROR, EMPTY),
    ],
)
def test_another_exception_is_not_blamed_on_it(framework: str, error: str | None, answered: Counts) -> None:
    assert named(CUT, framework, error, answered) == CUT
