"""A guess where there is one, silence where there is none."""

from __future__ import annotations

import pytest

from whygrad.nearest import did_you_mean


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("modle.bin", "did you mean `model.bin`?"),
        ("tran.py", "did you mean `train.py` or `tram.py`?"),
        ("setup.cfg", None),
    ],
)
def test_did_you_mean(name: str, question: str | None) -> None:
    assert did_you_mean(name, iter(["train.py", "tram.py", "model.bin"])) == question
