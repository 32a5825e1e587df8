"""What the tests of the recorder of PyTorch share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hearing import Ear
from watching_run import watched_run
from whygrad.watching.watched import Watched


@pytest.fixture
def ear() -> Iterator[Ear]:
    """A recorder is listened to, and has no fault of its own."""
    from whygrad.recorders.torch import Torch

    recorder, ear = Torch(), Ear()
    recorder.start(ear)
    yield ear
    recorder.finish(None)
    recorder.stop()
    assert not ear.faults, ear.faults


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[], Any]], Watched]:
    """Runs a program and watches it."""
    import torch

    from whygrad.recorders.torch import Torch

    def watched(program: Callable[[], Any]) -> Watched:
        torch.manual_seed(0)
        return watched_run(program, Torch(), tmp_path / "run-1")[0]

    return watched
