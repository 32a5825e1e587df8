"""What JAX's shortcut for compiled calls would have said, where we have kept a call from taking it.

By Python an array that was used up before makes another error than by the shortcut, and the script must get the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from whygrad.recorders.jax import compat
from whygrad.recorders.jax.donations import is_deleted


class Shortcut:
    """The executables of compiled functions whose next call would have gone past Python, by their program."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[Any, compat.Executable]] = {}

    def ran(self, jaxpr: Any, result: Any) -> None:
        """A call has come by Python, and the next one like it must as well."""
        if id(jaxpr) not in self.known:
            found = compat.executable(result)
            if found is not None:
                self.known[id(jaxpr)] = jaxpr, found

    def forget(self) -> None:
        """Calls go by the shortcut again."""
        self.known.clear()

    def refusal(self, jaxpr: Any, args: Sequence[Any]) -> ValueError | None:
        """The error that a call with these arguments ends in by the shortcut, if that is about what was used up."""
        _, found = self.known.get(id(jaxpr), (None, None))
        if found is None:
            return None
        given = [one for n, one in enumerate((*found.constants, *args)) if n in found.kept]
        if not any(map(is_deleted, given)):
            return None
        try:
            found.run([one if isinstance(one, jax.Array) else jax.numpy.asarray(one) for one in given])
        except RuntimeError as error:
            return ValueError(*error.args)
        return None
