"""Which frames are the script's, and what stands below those of a process that it started."""

from __future__ import annotations

import sys

import pytest

from whygrad.recorders import frames


def test_what_started_a_process_stands_below_its_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames.Held, "above", (None, ()))
    monkeypatch.setattr(frames, "held", frames.Held())  # as it is when a process begins
    plain = frames.capture(sys._getframe())
    told = frames.bare(plain[:1])
    frames.started_at(told)
    assert frames.capture(None) == told
    [span] = frames.spans(told)
    assert (span.file, span.function) == (__file__, "test_what_started_a_process_stands_below_its_frames")
    assert span.column is None


def test_compiled_packages_are_not_the_scripts() -> None:
    assert not frames.is_user_file("numpy/random/_common.pyx")
    assert frames.is_user_file("train.py")
