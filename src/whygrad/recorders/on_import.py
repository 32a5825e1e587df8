"""Calls us back at the moment somebody else imports a module, and costs nothing where nobody does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TypeGuard

from whygrad.shadow import ours

Trigger = Callable[[ModuleType], None]

# The import system cuts its own frames out of the traceback of a failed import; under this name ours go with them.
_IMPORT_SYSTEM = "<frozen importlib._bootstrap_external>"


def watch_imports(triggers: Mapping[str, Trigger], on_error: Callable[[str, Exception], None]) -> Callable[[], None]:
    """Call each trigger once, right after the module of its name was executed, at once where it already is.

    A trigger that raises does not break the import: ``on_error`` gets the module's name and the exception. The module
    is executed as without us, by its own loader. A module that is being imported while the watch begins is not seen.

    Returns:
        What ends the watch; triggers not yet called stay uncalled.
    """
    finder = _Finder(triggers, on_error)
    sys.meta_path.insert(0, finder)
    for name in triggers:
        module = sys.modules.get(name)
        if module is not None and not getattr(module.__spec__, "_initializing", False):
            finder.fire(name, module)
    return finder.stop


class _Finder:
    """A finder in front of all others that finds a watched module through them."""

    def __init__(self, triggers: Mapping[str, Trigger], on_error: Callable[[str, Exception], None]) -> None:
        self._triggers = dict(triggers)
        self._on_error = on_error

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._triggers:
            return None
        for finder in list(sys.meta_path):
            if finder is not self and (spec := finder.find_spec(name, path, target)):
                if _is_own(spec.loader):
                    self._listen(spec.loader, name)
                return spec
        return None

    def fire(self, name: str, module: ModuleType) -> None:
        trigger = self._triggers.pop(name, None)
        if trigger is None:
            return
        try:
            with ours():  # what a trigger imports is not the script's to decide
                trigger(module)
        except Exception as error:
            self._on_error(name, error)

    def stop(self) -> None:
        self._triggers.clear()
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def _listen(self, loader: Loader, name: str) -> None:
        """Follow the next execution by this loader, which stays the module's loader and whose class is not touched."""
        found = vars(loader).get("exec_module")
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            if found is None:
                vars(loader).pop("exec_module", None)
            else:
                vars(loader)["exec_module"] = found
            imported = sys.modules.get(name) is module  # else it is somebody's private copy
            execute(module)
            if imported:
                self.fire(name, sys.modules.get(name, module))

        exec_module.__code__ = exec_module.__code__.replace(co_filename=_IMPORT_SYSTEM)
        vars(loader)["exec_module"] = exec_module


def _is_own(loader: Loader | None) -> TypeGuard[Loader]:
    """Whether the loader is an object of its own, not a class that serves every built-in module."""
    return hasattr(loader, "exec_module") and hasattr(loader, "__dict__") and not isinstance(loader, type)
