"""One report, whatever ends the script and whatever comes in between."""

from __future__ import annotations

import signal
from pathlib import Path
from textwrap import dedent

import pytest

from launch import plain, write
from whygrad.ending import Closing, Ending, exit_status


@pytest.mark.parametrize(
    ("own", "found", "status"),
    [(0, 0, 0), (0, 3, 1), (7, 0, 7), (7, 1, 1), (1, 0, 1), (0, None, 2), (7, None, 7)],
)
def test_exit_status(own: int, found: int | None, status: int) -> None:
    assert exit_status(own, found) == status


def test_finish_is_called_once() -> None:
    told: list[Ending] = []
    closing = Closing(lambda ending: told.append(ending) or 1)
    assert closing.close(Ending(0)) == 1
    assert closing.close(Ending(5, "late")) == 1
    assert told == [Ending(0)]


def test_an_impatient_user_does_not_wait_for_the_report() -> None:
    def finish(_: Ending) -> int:
        raise KeyboardInterrupt

    assert Closing(finish).close(Ending(130)) == 130


BEGIN = """
import os, signal, sys, threading, time
from whygrad.ending import Closing, Ending
def finish(ending):
    print("begun", ending.status, flush=True)
    {during}
    print("written", flush=True)
    return 0
closing = Closing(finish)
closing.watch()
"""


def end(during: str, then: str, folder: Path) -> tuple[list[str], int]:
    write(folder, {"script.py": dedent(BEGIN.format(during=during)) + dedent(then)})
    done = plain(["script.py"], folder)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1], done.status


def test_termination_waits_for_the_report_under_way(tmp_path: Path) -> None:
    terminate = "os.kill(os.getpid(), signal.SIGTERM)"
    assert end(terminate, "sys.exit(closing.close(Ending(0)))", tmp_path) == (
        ["begun 0", "written"],
        -signal.SIGTERM,
    )


def test_a_second_termination_does_not_wait(tmp_path: Path) -> None:
    terminate = "[os.kill(os.getpid(), signal.SIGTERM) for _ in range(2)]"
    assert end(terminate, "closing.close(Ending(0))", tmp_path) == (["begun 0"], -signal.SIGTERM)


def test_a_hard_exit_in_a_thread_waits_for_the_report_under_way(tmp_path: Path) -> None:
    leave = "threading.Thread(target=os._exit, args=[4]).start(); time.sleep(0.3)"
    written, _ = end(leave, "os._exit(closing.close(Ending(0)))", tmp_path)
    assert written == ["begun 0", "written"]


def test_a_forked_child_finds_what_was_there_before(tmp_path: Path) -> None:
    then = """
    if not os.fork():
        print(os._exit, signal.signal.__module__, signal.getsignal(signal.SIGTERM), flush=True)
        print(closing.close(Ending(3)), flush=True)
        os._exit(0)
    os.wait()
    print(os._exit.__wrapped__, flush=True)
    """
    written, status = end("pass", then, tmp_path)
    assert written == ["<built-in function _exit> signal 0", "3", "<built-in function _exit>"]
    assert status == 0
