"""What a stream can show, and writing past whatever the script makes of it."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios
from collections.abc import Iterator
from typing import TextIO

import pytest

from whygrad.terminal import Outlet, look_of


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def terminal() -> Iterator[TextIO]:
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    with open(theirs, "w", encoding="utf-8") as stream:
        yield stream
    os.close(ours)


@pytest.fixture
def pipe() -> Iterator[tuple[TextIO, TextIO]]:
    reads, writes = os.pipe()
    with open(reads, encoding="ascii") as out, open(writes, "w", encoding="ascii") as into:
        yield out, into


def test_a_terminal_has_color_and_its_own_width(terminal: TextIO) -> None:
    fcntl.ioctl(terminal.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", 20, 57, 0, 0))
    look = look_of(terminal)
    assert (look.width, look.color, look.unicode) == (57, True, True)


def test_a_pipe_has_none(pipe: tuple[TextIO, TextIO]) -> None:
    look = look_of(pipe[1])
    assert (look.width, look.color, look.unicode) == (100, False, False)


@pytest.mark.parametrize(
    ("name", "value", "color"),
    [("NO_COLOR", "1", False), ("NO_COLOR", "", True), ("TERM", "dumb", False), ("TERM", "unknown", False)],
)
def test_the_environment_takes_color_from_a_terminal(
    name: str, value: str, color: bool, terminal: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert look_of(terminal).color is color


def test_the_environment_gives_color_to_a_pipe(pipe: tuple[TextIO, TextIO], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert look_of(pipe[1]).color
    monkeypatch.setenv("NO_COLOR", "1")
    assert not look_of(pipe[1]).color


@pytest.mark.parametrize(("columns", "width"), [("61", 61), ("0", 100), ("wide", 100)])
def test_columns_decide(columns: str, width: int, pipe: tuple[TextIO, TextIO], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert look_of(pipe[1]).width == width


def test_no_stream_has_a_look_all_the_same() -> None:
    assert not look_of(None).color


def test_words_go_past_the_stream(pipe: tuple[TextIO, TextIO]) -> None:
    out, into = pipe
    outlet = Outlet.of(into)
    into.write("held back ")
    outlet.write("größe\n")
    into.close()
    assert out.read() == "gr\\xf6\\xdfe\nheld back "


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_a_stream_without_a_descriptor_cannot_be_written(stream: TextIO | None) -> None:
    with pytest.raises(OSError, match="closed"):
        Outlet.of(stream).write("x")


def test_a_stream_that_nobody_reads_raises_at_once(pipe: tuple[TextIO, TextIO]) -> None:
    outlet = Outlet.of(pipe[1])
    pipe[0].close()
    with pytest.raises(BrokenPipeError):
        outlet.write("x")
