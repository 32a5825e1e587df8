"""Calls of compiled functions that hold gradient requests: what they were given, on the steps that are recorded."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import jax
import numpy

from whygrad.recorders.jax import compat, located
from whygrad.recorders.jax.ops import is_float
from whygrad.recorders.jax.replay import worth
from whygrad.recorders.jax.tape import Program
from whygrad.recorders.patching import Patches

# Donated arguments die in the call; more than this many bytes of them are not copied.
MOST_COPIED = 1 << 30
# Of arrays up to so many elements that a program closed over a copy is kept: a mask made for it alone dies at once.
MOST_KEPT = 1 << 14


@dataclass(slots=True)
class Held:
    """A request that was traced into a compiled function.

    Attributes:
        request: what the recorder wants to know it by.
        program: without its arrays; ``own``: small ones as copies, the others by weak reference.
        calls: how often the function ran.
    """

    request: Any
    program: Program
    own: Mapping[int, Any]
    calls: int = 0

    @classmethod
    def of(cls, request: Any, program: Program) -> Held:
        """Hold a program without keeping the arrays of the script alive."""
        own = {value: _loose(array) for value, array in program.arrays.items()}
        return cls(request, replace(program, arrays={}), own)

    def arrays(self) -> dict[int, Any] | None:
        """The program's own arrays, ``None`` where the script has let go of one."""
        found = {v: one() if isinstance(one, weakref.ref) else one for v, one in self.own.items()}
        return None if any(array is None for array in found.values()) else found


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a compiled function that holds requests.

    Attributes:
        args: its flat arguments; ``out``: its flat results.
        closed: its program.
    """

    closed: Any
    args: Sequence[Any]
    out: Sequence[Any] = ()

    def spoiled(self) -> bool:
        """Whether something came out that is not finite, and everything that went in is."""
        came = any(worth(v) == "nonfinite" for v in self.out)
        return came and all(worth(v) != "nonfinite" for v in self.args)

    def arrays(self, held: Held) -> dict[int, Any] | None:
        """The arrays of a request's values in this call, ``None`` where they can not be had."""
        own, variables = held.arrays(), held.program.variables
        try:
            found = located.arrays(self.closed, self.args, set(variables.values()))
        except Exception:
            return None
        return None if own is None else own | {value: found[variable] for value, variable in variables.items()}


class Compiled:
    """Listens to the calls of compiled functions, and keeps JAX from bypassing us for those with requests.

    Args:
        ran: told of each call and of every request in it.
        fault: told of an error of ours.
    """

    def __init__(self, ran: Callable[[Held, Call], None], fault: Callable[[BaseException], None]) -> None:
        self.ran, self.fault = ran, fault
        self.patches = Patches()
        self.awake = False
        self.pending: list[Held] = []
        self.known: dict[int, tuple[Any, list[Held]]] = {}
        self.local = threading.local()

    def start(self, compiling: Any | None) -> None:
        """Listen; not at all where JAX has no such place."""
        if compiling is not None and not self.awake:
            self.awake = True
            self.patches.replace(compiling, compat.RUN, self._running(getattr(compiling, compat.RUN)))
            self.patches.replace(compiling, compat.SHORTCUT, self._shortcut(getattr(compiling, compat.SHORTCUT)))

    def rest(self, undecided: Callable[[Held], bool]) -> None:
        """Listen on only to functions with a request of which something is still to be seen."""
        self.pending.clear()
        kept = {key: (jaxpr, [h for h in held if undecided(h)]) for key, (jaxpr, held) in self.known.items()}
        self.known = {key: row for key, row in kept.items() if row[1]}
        if not self.known:
            self.stop()

    def stop(self) -> None:
        """Put back what was found, and keep nothing."""
        self.patches.undo()
        self.awake = False
        self.pending.clear()
        self.known.clear()

    def _running(self, original: Callable[..., Any]) -> Callable[..., Any]:
        compiled = self

        @wraps(original)
        def run(p: Any, args: Sequence[Any], *rest: Any, **more: Any) -> Any:
            call = compiled._begun(p, args)
            result = original(p, args, *rest, **more)
            compiled.local.held = call is not None
            if call is not None:
                compiled._ended(call, result)
            return result

        return run

    def _shortcut(self, original: Callable[..., Any]) -> Callable[..., Any]:
        compiled = self

        @wraps(original)
        def shortcut(*args: Any, **kwargs: Any) -> Any:
            held, compiled.local.held = getattr(compiled.local, "held", False), False
            return None if held else original(*args, **kwargs)

        return shortcut

    def _begun(self, p: Any, args: Sequence[Any]) -> Call | None:
        try:
            if not self.pending and not self.known:
                return None
            if any(isinstance(a, jax.core.Tracer) for a in args):
                return None
            closed = p.params["jaxpr"]
            self._adopt(closed)
            if id(closed.jaxpr) not in self.known:
                return None
            return Call(closed, _kept(args, p.params["donated_invars"]))
        except Exception as error:
            self._failed(error)
            return None

    def _adopt(self, closed: Any) -> None:
        """The requests that were traced into this program are its own from now on."""
        mine = [h for h in self.pending if located.holds(closed.jaxpr, set(h.program.variables.values()))]
        if mine:
            self.pending = [h for h in self.pending if h not in mine]
            self.known.setdefault(id(closed.jaxpr), (closed.jaxpr, []))[1].extend(mine)

    def _ended(self, call: Call, result: Any) -> None:
        try:
            _, held = self.known.get(id(call.closed.jaxpr), (None, []))
            done = Call(call.closed, call.args, result[1])
            for one in list(held):
                one.calls += 1
                self.ran(one, done)
        except Exception as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self.stop()
        self.fault(error)


def _loose(array: Any) -> Any:
    """An array in a form that does not keep it alive; constants of the program's text as they are."""
    if numpy.prod(getattr(array, "shape", None) or ()) > MOST_KEPT:
        return compat.reference(array) or array
    if isinstance(array, jax.Array):
        return numpy.array(array) if is_float(array.aval) else compat.reference(array)
    return array


def _kept(args: Sequence[Any], donated: Sequence[bool]) -> list[Any]:
    """The arguments, with copies of those that the call uses up."""
    dying = [a for a, d in zip(args, donated, strict=True) if d and hasattr(a, "nbytes")]
    if not dying or sum(a.nbytes for a in dying) > MOST_COPIED:
        return list(args)
    return [numpy.array(a) if d and hasattr(a, "nbytes") else a for a, d in zip(args, donated, strict=True)]
