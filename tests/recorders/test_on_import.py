"""A trigger fires once, after the module it waits for, and the import is none the worse for it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import traceback
import zipfile
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from launch import write
from whygrad.recorders.on_import import watch_imports

FILES = {
    "guest_top/__init__.py": "print('top', type(__loader__).__name__, __spec__.loader is __loader__)\n",
    "guest_top/deep/__init__.py": "",
    "guest_top/deep/layer.py": "seen = 'exec_module' in vars(__loader__)\nkind = 'layer'\n",
    "guest_broken.py": "import guest_missing\n",
    "guest_flaky.py": "from guest_state import tries\ntries.append(1)\nif len(tries) < 2: raise OSError('first')\n",
    "guest_state.py": "tries = []\n",
    "guest_swapped.py": "import sys, types\nsys.modules[__name__] = types.SimpleNamespace(swapped=True)\n",
}


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(write(tmp_path, FILES))
    found = list(sys.meta_path)
    yield
    assert sys.meta_path == found
    for name in [name for name in sys.modules if name.startswith("guest_")]:
        del sys.modules[name]


class Watch:
    """A watch that notes which triggers fired and what went wrong."""

    def __init__(self, *names: str, then: Callable[[ModuleType], None] = lambda _: None) -> None:
        self.fired: list[str] = []
        self.errors: list[tuple[str, str]] = []
        self._names = names
        self._then = then

    def __enter__(self) -> Watch:
        def trigger(name: str) -> Callable[[ModuleType], None]:
            def fire(module: ModuleType) -> None:
                self.fired.append(name)
                self._then(module)

            return fire

        def failed(name: str, error: Exception) -> None:
            self.errors.append((name, str(error)))

        self._stop = watch_imports({name: trigger(name) for name in self._names}, failed)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._stop()  # twice does no harm


def test_fires_once_after_the_module(capsys: pytest.CaptureFixture[str]) -> None:
    with Watch("guest_top", then=lambda module: print("trigger", module.__name__)) as watch:
        module = importlib.import_module("guest_top")
        importlib.import_module("guest_top")
        importlib.reload(module)
    top = "top SourceFileLoader True\n"
    assert capsys.readouterr().out == f"{top}trigger guest_top\n{top}"
    assert watch.fired == ["guest_top"]


def test_the_module_is_as_without_us() -> None:
    with Watch("guest_top.deep.layer"):
        module = importlib.import_module("guest_top.deep.layer")
    loader = module.__loader__
    assert type(loader) is SourceFileLoader
    assert module.__spec__ is not None
    assert module.__spec__.loader is loader
    assert "exec_module" not in vars(loader)
    assert module.seen is False


def test_dotted_modules_in_their_order() -> None:
    with Watch("guest_top.deep.layer", "guest_top") as watch:
        importlib.import_module("guest_top.deep.layer")
    assert watch.fired == ["guest_top", "guest_top.deep.layer"]


def test_a_module_already_imported_fires_at_once() -> None:
    importlib.import_module("guest_top")
    with Watch("guest_top") as watch:
        assert watch.fired == ["guest_top"]


def test_a_module_that_is_blocked_stays_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "guest_top", None)
    with Watch("guest_top") as watch, pytest.raises(ModuleNotFoundError):
        importlib.import_module("guest_top")
    assert watch.fired == []


def test_nothing_fires_after_the_end() -> None:
    with Watch("guest_top") as watch:
        spec = importlib.util.find_spec("guest_top")
    assert spec is not None
    importlib.import_module("guest_top")
    assert watch.fired == []


def test_a_trigger_that_raises_does_not_break_the_import() -> None:
    def fail(_: ModuleType) -> None:
        raise ValueError("ours")

    with Watch("guest_top", then=fail) as watch:
        importlib.import_module("guest_top")
    assert watch.errors == [("guest_top", "ours")]


def test_looking_for_a_module_does_not_fire() -> None:
    with Watch("guest_top") as watch:
        for _ in range(2):
            spec = importlib.util.find_spec("guest_top")
            assert spec is not None
            assert type(spec.loader) is SourceFileLoader
        assert watch.fired == []
        importlib.import_module("guest_top")
        assert watch.fired == ["guest_top"]


def test_a_private_copy_does_not_fire() -> None:
    with Watch("guest_top") as watch:
        spec = importlib.util.find_spec("guest_top")
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        assert watch.fired == []


def test_a_lazy_module_fires_when_it_is_executed() -> None:
    with Watch("guest_top.deep.layer") as watch:
        spec = importlib.util.find_spec("guest_top.deep.layer")
        assert spec is not None
        assert spec.loader is not None
        loader = spec.loader = importlib.util.LazyLoader(spec.loader)
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        assert watch.fired == []
        assert module.kind == "layer"
        assert watch.fired == [spec.name]


def test_a_second_try_fires() -> None:
    with Watch("guest_flaky") as watch:
        with pytest.raises(OSError, match="first"):
            importlib.import_module("guest_flaky")
        assert watch.fired == []
        importlib.import_module("guest_flaky")
    assert watch.fired == ["guest_flaky"]


def test_a_module_that_puts_another_in_its_place() -> None:
    given: list[object] = []
    with Watch("guest_swapped", then=given.append):
        module = importlib.import_module("guest_swapped")
    assert given == [module]
    assert module.swapped


def test_a_failing_import_shows_no_frame_of_ours() -> None:
    shown = []
    for names in ([], ["guest_broken"]):
        with Watch(*names), pytest.raises(ModuleNotFoundError) as caught:
            import guest_broken  # type: ignore[import-not-found]  # noqa: F401
        shown.append([frame.name for frame in traceback.extract_tb(caught.value.__traceback__)])
    assert shown[0] == shown[1]


def test_modules_of_one_archive_share_a_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "guests.zip", "w") as archive:
        archive.writestr("guest_outer.py", "import guest_inner\n")
        archive.writestr("guest_inner.py", "import guest_other\n")
        archive.writestr("guest_other.py", "")
    monkeypatch.syspath_prepend(str(tmp_path / "guests.zip"))
    with Watch("guest_outer", "guest_inner") as watch:
        importlib.util.find_spec("guest_outer")
        module = importlib.import_module("guest_outer")
    assert watch.fired == ["guest_inner", "guest_outer"]
    assert "exec_module" not in vars(module.__loader__)


def test_many_threads_fire_once() -> None:
    with Watch("guest_top.deep.layer") as watch:
        threads = [threading.Thread(target=importlib.import_module, args=["guest_top.deep.layer"]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert watch.fired == ["guest_top.deep.layer"]


def test_unwatched_modules_never_reach_the_other_finders(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a script pays that imports nothing watched: one look into a dict for each import."""
    asked: list[str] = []

    class Spy:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            asked.append(name)

    with Watch("guest_top"):
        monkeypatch.setattr(sys, "meta_path", [*sys.meta_path[:1], Spy(), *sys.meta_path[1:]])
        importlib.import_module("guest_state")
        assert asked == ["guest_state"]
        monkeypatch.undo()
