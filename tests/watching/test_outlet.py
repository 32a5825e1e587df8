from __future__ import annotations

import os
from pathlib import Path

import pytest

from whygrad.watching.outlet import Outlet


def test_a_record_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    outlet = Outlet(path)
    outlet.write(b"first\n")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, record: write(descriptor, record[:3]))
    with pytest.raises(OSError, match="No space left"):
        outlet.write(b"second\n")
    monkeypatch.undo()
    assert path.read_bytes() == b"first\n"
    outlet.write(b"third\n")
    outlet.close()
    assert path.read_bytes() == b"first\nthird\n"


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError):
        Outlet(tmp_path / "file")
