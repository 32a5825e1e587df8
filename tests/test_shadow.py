"""The script's own modules win, except while we speak."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from launch import write
from whygrad import shadow


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shadow, "_aside", {})
    found = dict(sys.modules)
    yield
    sys.modules.clear()
    sys.modules.update(found)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return write(tmp_path, {"rich.py": "mine = True\n", "os.py": "", "time.py": "", "click/data.txt": ""})


def test_the_script_gets_its_own_and_we_get_ours(folder: Path) -> None:
    import rich.text

    ours = rich, rich.text
    shadow.set_aside(str(folder))
    assert "rich.text" not in sys.modules
    theirs = importlib.import_module("rich")
    assert theirs.mine
    with shadow.ours():
        assert (sys.modules["rich"], sys.modules["rich.text"]) == ours
    assert sys.modules["rich"] is theirs
    assert "rich.text" not in sys.modules


def test_a_module_set_apart_goes_with_those_that_hold_it() -> None:
    import inspect
    import linecache
    import logging

    shadow.set_apart("linecache")
    theirs = importlib.import_module("logging")
    assert theirs is not logging
    assert theirs.traceback.linecache is importlib.import_module("linecache") is not linecache
    with shadow.ours():
        assert sys.modules["linecache"] is linecache
        assert sys.modules["inspect"] is inspect


def test_their_module_comes_back_after_a_fault(folder: Path) -> None:
    importlib.import_module("rich")
    shadow.set_aside(str(folder))
    with pytest.raises(LookupError), shadow.ours():
        raise LookupError
    assert "rich" not in sys.modules


@pytest.mark.parametrize("name", ["os", "time", "click", "json"])
def test_what_an_import_would_not_find_there_stays(name: str, folder: Path) -> None:
    """Frozen and built-in modules come before files, a folder without code after them."""
    module = importlib.import_module(name)
    shadow.set_aside(str(folder))
    assert sys.modules[name] is module


def test_a_module_does_not_shadow_itself() -> None:
    import rich

    shadow.set_aside(str(Path(rich.__path__[0]).parent))
    assert sys.modules["rich"] is rich
