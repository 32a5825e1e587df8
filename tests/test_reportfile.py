"""A report is written whole or not at all, and what cannot work is known before the script starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from whygrad.errors import ReportError, UsageError
from whygrad.reportfile import ReportFile


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_nothing_is_there_before_the_end(tmp_path: Path) -> None:
    ReportFile.at("out.json")
    assert os.listdir(tmp_path) == []


def test_the_file_is_replaced_in_one_piece(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text("old")
    file = ReportFile.at("out.json")
    assert (tmp_path / "out.json").read_text() == "old"
    file.write("néw")
    assert (tmp_path / "out.json").read_text("utf-8") == "néw"
    assert os.listdir(tmp_path) == ["out.json"]


def test_it_is_as_readable_as_any_new_file(tmp_path: Path) -> None:
    ReportFile.at("out.json").write("x")
    (tmp_path / "other").touch()
    assert (tmp_path / "out.json").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_change_of_directory_does_not_move_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ReportFile.at("out.json")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir("sub")
    file.write("x")
    assert (tmp_path / "out.json").exists()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("real.json")
    ReportFile.at("link.json").write("x")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "x"


@pytest.mark.parametrize("name", ["lost/out.json", "/dev/null", ".", "", "/proc/out.json", "x" * 300])
def test_what_cannot_be_written_is_a_wrong_call(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no report can be written to"):
        ReportFile.at(name)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_went_away_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    file = ReportFile.at("sub/out.json")
    (tmp_path / "sub").rmdir()
    with pytest.raises(ReportError, match=r"was not written to .*: no such file or directory"):
        file.write("x")


def test_a_place_that_was_taken_leaves_no_draft(tmp_path: Path) -> None:
    file = ReportFile.at("out.json")
    (tmp_path / "out.json").mkdir()
    with pytest.raises(ReportError, match="is a directory"):
        file.write("x")
    assert os.listdir(tmp_path) == ["out.json"]


def test_ctrl_c_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    file = ReportFile.at(str(tmp_path / "out.json"))
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        file.write("{}")
    assert list(tmp_path.iterdir()) == []
