"""Whole runs of PyTorch in this process: a session around the recorder."""

from __future__ import annotations

from collections.abc import Callable

import torch

from whygrad.finding import Finding
from whygrad.recorders.torch import Torch
from whygrad.session import Session


def findings_of(program: Callable[[], object], raises: type[Exception] | None = None) -> list[Finding]:
    """What is said of a program, but for notes.

    Args:
        raises: what the program ends in.
    """
    session = Session(["program.py"], 10, lambda finding: None)
    recorder = Torch()
    session.recorders.append(recorder)
    recorder.start(session)
    torch.manual_seed(0)
    failure = None
    try:
        program()
    except Exception as raised:
        if raises is None or not isinstance(raised, raises):
            recorder.stop()
            raise
        failure = raised  # as in a real run, what its frames hold lives until the report is made
    assert raises is None or failure is not None, "the program was to raise"
    report = session.close(*((0, None) if failure is None else (1, f"{type(failure).__name__}: {failure}")))
    assert report.notes == ()
    return [f for f in report.findings if f.severity != "note"]


def told(program: Callable[[], object], raises: type[Exception] | None = None) -> list[tuple[str, str, list[str]]]:
    """Of each finding the cause, the text of its culprit, and the names."""
    return [
        (f.cause, (f.culprit.code if f.culprit is not None else None) or "", [p.path for p in f.parameters])
        for f in findings_of(program, raises)
    ]


def x() -> torch.Tensor:
    return torch.linspace(0.1, 1, 32).reshape(8, 4)
