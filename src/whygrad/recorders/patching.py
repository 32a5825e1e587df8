"""Replacing attributes of other people's classes and modules, and putting back exactly what was found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_ABSENT = object()


class Patches:
    """A pile of replaced attributes; ``undo`` restores them in reverse order.

    Attributes:
        on: false after ``undo``: where somebody patched on top of us, what we put there is still called, and has to
            hand on what it gets.
    """

    def __init__(self) -> None:
        self.on = True
        self._undo: list[Callable[[], None]] = []

    def replace(self, owner: Any, name: str, new: Any) -> None:
        """Set ``owner.name`` to ``new``; what stood in the owner's own namespace comes back on undo."""
        old = vars(owner).get(name, _ABSENT)

        def restore() -> None:
            if vars(owner).get(name, _ABSENT) is not new:
                return  # somebody patched on top of us: theirs stays
            if old is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, old)

        setattr(owner, name, new)
        self._undo.append(restore)

    def defer(self, undo: Callable[[], None]) -> None:
        """Remember something else to undo."""
        self._undo.append(undo)

    def undo(self) -> None:
        """Put everything back; a failure to restore one does not keep the others."""
        self.on = False
        errors: list[Exception] = []
        while self._undo:
            try:
                self._undo.pop()()
            except Exception as error:
                errors.append(error)
        if errors:
            raise ExceptionGroup("could not be restored", errors)
