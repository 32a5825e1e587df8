"""What the tests of the recorder of PyTorch share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hearing import Ear, heard
from watching_run import watched_run
from whygrad.watching.watched import Watched


@pytest.fixture
def ear() -> Iterator[Ear]:
    from whygrad.recorders.torch import Torch

    yield from heard(Torch())


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[], Any]], Watched]:
    """Runs a program and watches it."""
    import torch

    from whygrad.recorders.torch import Torch

    def watched(program: Callable[[], Any]) -> Watched:
        torch.manual_seed(0)
        return watched_run(program, Torch(), tmp_path / "run-1")[0]

    return watched
