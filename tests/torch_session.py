"""Whole runs of PyTorch in this process: a session around the recorder."""

from __future__ import annotations

from collections.abc import Callable

import torch

from whygrad.finding import Finding
from whygrad.recorders.torch import Torch
from whygrad.session import Session


def findings_of(program: Callable[[], None]) -> list[Finding]:
    session = Session(["program.py"], 10, lambda finding: None)
    recorder = Torch()
    session.recorders.append(recorder)
    recorder.start(session)
    torch.manual_seed(0)
    program()
    report = session.close(0, None)
    assert report.notes == ()
    return [f for f in report.findings if f.severity != "note"]


def x() -> torch.Tensor:
    return torch.linspace(0.1, 1, 32).reshape(8, 4)
