"""A framework that shortens tracebacks leaves our frames out with its own."""

from __future__ import annotations

from types import SimpleNamespace

from whygrad.recorders.frames import OURS
from whygrad.recorders.patching import Patches
from whygrad.recorders.tracebacks import exclude_ours


def test_our_files_are_excluded_until_it_is_undone() -> None:
    module, patches = SimpleNamespace(_EXCLUDED_PATHS=("theirs",)), Patches()
    exclude_ours(module, patches)
    assert module._EXCLUDED_PATHS == ("theirs", OURS)
    patches.undo()
    assert module._EXCLUDED_PATHS == ("theirs",)


def test_one_that_keeps_its_paths_elsewhere_is_left_alone() -> None:
    module, patches = SimpleNamespace(), Patches()
    exclude_ours(module, patches)
    assert vars(module) == {}
