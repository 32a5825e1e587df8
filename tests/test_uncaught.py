"""Exceptions that nobody caught; what they look like beside plain python's is in test_run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

import pytest

import whygrad
from whygrad.ending import Ending
from whygrad.uncaught import describe, hide_own_frames, settle


def caller(file: str) -> object:
    """A function of whygrad's, in a file of this name, that calls what it is given."""
    names: dict[str, object] = {}
    text = "def through(function):\n    return function()\n"
    exec(compile(text, str(Path(whygrad.__file__).with_name(file)), "exec"), names)
    return names["through"]


through = caller("some_hook.py")
bottom = caller("run.py")


def fail() -> None:
    raise LookupError("deep")


def caught(function: object) -> BaseException:
    try:
        through(function)  # type: ignore[operator]
    except BaseException as error:
        return error
    raise AssertionError


def functions(traceback: TracebackType | None) -> list[str]:
    names = []
    while traceback is not None:
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    return names


def test_our_frames_go_from_the_middle() -> None:
    error = caught(fail)
    assert functions(error.__traceback__) == ["caught", "through", "fail"]
    hide_own_frames(error)
    assert functions(error.__traceback__) == ["caught", "fail"]


def test_what_stands_below_the_script_goes_as_well() -> None:
    """JAX lays the whole stack into the tracebacks of its operations, with the console script that started us."""
    with pytest.raises(LookupError) as caught:
        bottom(lambda: through(fail))  # type: ignore[operator]
    hide_own_frames(caught.value)
    assert functions(caught.value.__traceback__) == ["<lambda>", "fail"]


def test_our_frames_go_from_causes_contexts_and_groups() -> None:
    cause, context, member = (caught(fail) for _ in range(3))
    member.__cause__ = cause
    group = BaseExceptionGroup("all", [ExceptionGroup("some", [member])])  # type: ignore[list-item]
    group.__context__ = context
    cause.__context__ = group  # a circle must not hang us
    hide_own_frames(group)
    for error in (cause, context, member):
        assert functions(error.__traceback__) == ["caught", "fail"]


def test_an_exception_that_is_all_ours_keeps_no_traceback() -> None:
    error = caught(None)
    assert error.__traceback__ is not None
    error.__traceback__ = error.__traceback__.tb_next
    hide_own_frames(error)
    assert error.__traceback__ is None


@pytest.mark.parametrize(
    ("error", "words"),
    [(ValueError("x"), "ValueError: x"), (ValueError(), "ValueError"), (KeyError("a"), "KeyError: 'a'")],
)
def test_describe(error: Exception, words: str) -> None:
    assert describe(error) == words


def test_settle_leaves_what_a_debugger_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    error = caught(fail)
    assert settle(error) == Ending(1, "LookupError: deep")
    assert sys.last_value is error
    assert capsys.readouterr().err.endswith("LookupError: deep\n")


def test_settle_without_a_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert settle(SystemExit("words")) == Ending(1, "SystemExit: words")
    assert settle(ValueError("x")) == Ending(1, "ValueError: x")
