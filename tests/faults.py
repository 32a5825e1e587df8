"""Errors of our own, made on purpose: an exception at the start of any function of a recorder that one of ours calls.

A trace function that raises makes the call raise. A function that guards itself by a ``try`` of its own is passed over:
what it calls is tried in its place.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from whygrad.session import Session

RECORDERS, OURS = "/whygrad/recorders/", "/whygrad/"


class Injected(Exception):
    """The error that was put there."""


def called(run: Callable[[], Any], at_the_edge: bool) -> dict[CodeType, int]:
    """The functions of recorders that are called by ours while something runs, and how often each is.

    Args:
        at_the_edge: only those that are called by what a framework or the script calls: nothing stands between an
            error there and the script but the guard of that one function.
    """
    found: dict[CodeType, int] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and _is_tried(frame) and not (at_the_edge and _is_inside(frame)):
            found[frame.f_code] = found.get(frame.f_code, 0) + 1

    with _tracing(note):
        run()
    return {code: count for code, count in found.items() if not _is_guarded(code)}


def struck(run: Callable[[], Any], code: CodeType, turn: int) -> Any:
    """What a run gives while the ``turn``-th call of a function raises."""
    left = turn

    def strike(frame: FrameType, event: str, _: Any) -> None:
        nonlocal left
        if event == "call" and frame.f_code is code and _is_tried(frame):
            left -= 1
            if left == 0:
                raise Injected(code.co_qualname)

    with _tracing(strike):
        return run()


def guided(program: Callable[[], Any], recorder: Callable[[Session], Any]) -> tuple[Any, tuple[str, ...]]:
    """What a program gives with a recorder on, and the notes of the report."""
    trace = sys.gettrace()
    sys.settrace(None)  # an import is guarded where it is watched
    run = Session(["program.py"], 10, lambda finding: None)
    listening = recorder(run)
    sys.settrace(trace)
    run.recorders.append(listening)
    listening.start(run)
    try:
        results = program()
    finally:
        sys.settrace(None)
        notes = run.close(0, None).notes
    return results, notes


def wrongs(
    program: Callable[[], Any],
    recorder: Callable[[Session], Any],
    around: Callable[[], Any] = lambda: None,
    may_be_silent: Callable[[CodeType], bool] = lambda code: False,
) -> list[str]:
    """What goes wrong for the script where an error of ours is put at the edge of a recorder, in first and last calls.

    Args:
        around: what has to be the same before and after.
        may_be_silent: whether nothing need be said of an error in a function.
    """
    plain, before, found = program(), around(), []

    def run() -> tuple[Any, tuple[str, ...]]:
        return guided(program, recorder)

    assert run() == (plain, ())
    sites = called(run, at_the_edge=True)
    assert len(sites) > 10
    for code, turn in ((code, turn) for code, count in sites.items() for turn in sorted({1, count})):
        try:
            results, notes = struck(run, code, turn)
        except Injected:
            found.append(f"{code.co_qualname}, call {turn}: raised")
            continue
        said = len(notes) == 1 or (not notes and may_be_silent(code))
        if results != plain or not said or around() != before:
            found.append(f"{code.co_qualname}, call {turn}: {results == plain}, {notes}, {around() == before}")
    return found


def _is_tried(frame: FrameType) -> bool:
    caller = frame.f_back
    ours = RECORDERS in frame.f_code.co_filename and frame.f_code.co_name not in ("<lambda>", "<genexpr>")
    return ours and caller is not None and OURS in caller.f_code.co_filename


def _is_inside(frame: FrameType) -> bool:
    """Whether the caller was called by ours as well."""
    outer = frame.f_back.f_back if frame.f_back is not None else None
    return outer is not None and OURS in outer.f_code.co_filename


def _is_guarded(code: CodeType) -> bool:
    tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    return any(isinstance(node, ast.Try) and node.handlers for node in ast.walk(tree))


@contextmanager
def _tracing(trace: Callable[[FrameType, str, Any], None]) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
