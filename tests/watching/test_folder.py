from __future__ import annotations

from pathlib import Path

import pytest

from whygrad.errors import UsageError
from whygrad.watching.folder import new_folder, remove_if_empty


def test_each_run_has_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "train-7").mkdir()
    (tmp_path / "train-old").touch()
    made = [new_folder(str(tmp_path), "src/train.py").name for _ in range(2)]
    assert made == ["train-8", "train-9"]
    assert new_folder(str(tmp_path), "-").name == "stdin-1"
    assert new_folder(str(tmp_path), "../My Net.py").name == "My-Net-1"


def test_one_without_use_is_taken_away_again(tmp_path: Path) -> None:
    folder = new_folder(str(tmp_path / "new"), "train.py")
    remove_if_empty(folder)
    assert not (tmp_path / "new").exists()
    other = new_folder(str(tmp_path), "train.py")
    (other / "health.jsonl").touch()
    remove_if_empty(other)
    assert other.exists()


def test_a_place_that_can_not_hold_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="can not hold what is watched"):
        new_folder(str(tmp_path / "file"), "train.py")
    with pytest.raises(UsageError, match="can not hold what is watched"):
        new_folder("/proc/whygrad", "train.py")
