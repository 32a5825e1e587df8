"""Whole runs in this process: a session around a recorder, watched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from whygrad.finding import Report
from whygrad.recorders.recorder import Recorder
from whygrad.session import Session
from whygrad.watching.schedule import Schedule
from whygrad.watching.watch import Watch
from whygrad.watching.watched import Watched


def watched_run(program: Callable[[], None], recorder: Recorder, folder: Path) -> tuple[Watched, Report]:
    """Run a program as ``whygrad run --watch`` does; nothing of ours may fail."""
    folder.mkdir(parents=True)
    session = Session(["program.py"], 10, lambda finding: None, Watch(folder, ["program.py"]))
    assert session.watch is not None
    # Which steps are looked at must not depend on how fast the machine is: time stands still.
    session.watch.schedule = Schedule(lambda: 0.0)
    session.recorders.append(recorder)
    recorder.watch(session.watch)
    recorder.start(session)
    try:
        program()
    finally:
        report = session.close(0, None)
    assert report.notes == ()
    watched = session.watch.close()
    assert not [note for note in watched.notes if "stopped" in note], watched.notes
    return watched, report
