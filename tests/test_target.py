"""What is to be run is found and read before anything runs."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from launch import write
from whygrad.errors import UsageError
from whygrad.target import Target, locate


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sub = {"sub/__init__.py": "raise SystemExit('imported')\n", "sub/part.py": ""}
    monkeypatch.chdir(write(tmp_path, {"train.py": "x = 1\n", **sub}))


def test_a_script_is_read() -> None:
    target = locate("train.py", ["--lr", "1"], module=False)
    assert target == Target("script", "train.py", ("--lr", "1"), b"x = 1\n")
    assert target.argv == ("train.py", "--lr", "1")


def test_a_module_is_found_without_importing_its_package() -> None:
    target = locate("sub.part", ["a"], module=True)
    assert target.argv == ("-m", "sub.part", "a")
    assert "sub" not in sys.modules


@pytest.mark.parametrize("name", ["json.tool", "sub", "sub.lost"])
def test_what_only_an_import_could_tell_is_let_through(name: str) -> None:
    assert locate(name, [], module=True).kind == "module"


def test_stdin_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff = 1")))
    assert locate("-", [], module=False) == Target("stdin", "-", (), b"\xff = 1")


@pytest.mark.parametrize("name", ["", ".", ".sub", "nowhere"])
def test_no_such_module(name: str) -> None:
    with pytest.raises(UsageError, match=f"no module `{name}` in"):
        locate(name, [], module=True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tran.py", "did you mean `train.py`"),
        ("zzz", "name a script that exists"),
        ("lost/x.py", "there is no folder `lost`"),
        ("sub", "is a directory: name a script in it, such as `sub/__init__.py`"),
        ("train.py/x.py", "there is no folder `train.py`|cannot be read: not a directory"),
        ("x" * 300, "cannot be read: file name too long"),
    ],
)
def test_no_such_script(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        locate(name, [], module=False)


def test_a_current_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    with pytest.raises(UsageError, match="the current directory does not exist any more"):
        locate(str(tmp_path / "train.py"), (), module=False)
