"""Calls of compiled functions that hold gradient requests: what they were given, on the steps that are recorded."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

import jax
import numpy

from whygrad.recorders import frames
from whygrad.recorders.jax import compat, located, signs
from whygrad.recorders.jax.detour import Detour
from whygrad.recorders.jax.donations import Donations, is_deleted
from whygrad.recorders.jax.moves import Moves, moves
from whygrad.recorders.jax.ops import is_float
from whygrad.recorders.jax.replay import worth
from whygrad.recorders.jax.shortcut import Shortcut
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
        gradients: the variables that its gradients are, those that have a way.
        calls: how often the function ran; ``turns``: how often the request is made in one call.
        shown: the results that depend on the gradients; ``suspects``: those that looked like zeros in every call.
        moves: what became of the parameters.
    """

    request: Any
    program: Program
    own: Mapping[int, Any]
    gradients: frozenset[Any] = frozenset()
    calls: int = 0
    turns: int = 1
    shown: tuple[int, ...] = ()
    suspects: frozenset[int] = frozenset()
    moves: Moves = field(default_factory=lambda: Moves(()))

    @classmethod
    def of(cls, request: Any, program: Program, gradients: Iterable[Any] = ()) -> Held:
        """Hold a program without keeping the arrays of the script alive."""
        own = {value: _loose(array) for value, array in program.arrays.items()}
        return cls(request, replace(program, arrays={}), own, frozenset(gradients))

    def variables(self) -> set[Any]:
        """What of it are variables of the program that it is part of: its gradients, where it is given none."""
        return set(self.program.variables.values()) or set(self.gradients)

    def adopted(self, closed: Any) -> None:
        """The compiled program that it is part of is known."""
        sources = {v: self.program.variables[v] for v in self.program.sources if v in self.program.variables}
        self.moves = moves(closed, sources, set(self.gradients))
        self.shown = signs.shown(closed, set(self.gradients))
        self.suspects = frozenset(self.shown)
        self.turns = signs.turns(closed.jaxpr, set(self.gradients))

    def ran(self, call: Call) -> None:
        """The function has run once more."""
        self.calls += 1
        self.moves.note(call)
        shapes = {tuple(v.aval.shape) for v in self.gradients}
        self.suspects &= signs.suspects(call.args, call.out, tuple(self.suspects), shapes)

    def is_suspect(self) -> bool:
        """Whether some gradient may have been zero in every call; so it is where the results show nothing of them."""
        return bool(self.suspects) or not self.shown

    def arrays(self) -> dict[int, Any] | None:
        """The program's own arrays, ``None`` where the script has let go of one."""
        found = {v: one() if isinstance(one, weakref.ref) else one for v, one in self.own.items()}
        return None if any(array is None for array in found.values()) else found


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a compiled function that holds requests.

    Attributes:
        args: its flat arguments; ``out``: its flat results; ``whole``: the same in the form that is handed back.
        closed: its program.
        stack: where it was made; ``depth``: how deep in ``whole`` the result of the script's own function lies.
    """

    closed: Any
    args: Sequence[Any]
    stack: frames.Stack
    depth: int | None
    out: Sequence[Any] = ()
    whole: Any = None

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
        called: told of the program and the arguments of each call first.
    """

    def __init__(
        self,
        ran: Callable[[Held, Call], None],
        fault: Callable[[BaseException], None],
        called: Callable[[Any, Sequence[Any]], None] = lambda closed, args: None,
    ) -> None:
        self.ran, self.fault, self.called = ran, fault, called
        self.patches = Patches()
        self.awake = False
        self.pending: list[Held] = []
        self.known: dict[int, tuple[Any, list[Held]]] = {}
        self.detour = Detour()
        self.donations = Donations()
        self.shortcut = Shortcut()

    def start(self, compiling: Any) -> None:
        """Listen in the room of JAX in which compiled functions are called."""
        if not self.awake:
            self.awake = True
            self.patches.replace(compiling, compat.RUN, self._running(getattr(compiling, compat.RUN)))
            self.detour.install(self.patches, compiling)

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
        self.shortcut.forget()

    def _running(self, original: Callable[..., Any]) -> Callable[..., Any]:
        compiled = self

        @wraps(original)
        def run(p: Any, args: Sequence[Any], *rest: Any, **more: Any) -> Any:
            refusal = compiled._refusal(p, args)
            if refusal is not None:
                raise refusal
            call = compiled._begun(p, args)
            result = original(p, args, *rest, **more)
            if call is not None:
                compiled._ended(call, result)
            compiled._hold(call is not None)
            return result

        return run

    def _refusal(self, p: Any, args: Sequence[Any]) -> ValueError | None:
        try:
            return self.shortcut.refusal(p.params["jaxpr"].jaxpr, args)
        except Exception as error:
            self._failed(error)
            return None

    def _begun(self, p: Any, args: Sequence[Any]) -> Call | None:
        try:
            if any(p.params["donated_invars"]):
                self.donations.note(args, p.params["donated_invars"], frames.capture(sys._getframe(2)))
            if not self.pending and not self.known:
                return None
            if any(isinstance(a, jax.core.Tracer) for a in args):
                return None
            closed = p.params["jaxpr"]
            self._adopt(closed)
            if id(closed.jaxpr) not in self.known:
                return None
            frame = sys._getframe(2)
            kept = _kept(args, p.params["donated_invars"])
            return Call(closed, kept, frames.capture(frame), compat.depth_of_result(frame))
        except Exception as error:
            self._failed(error)
            return None

    def _adopt(self, closed: Any) -> None:
        """The requests that were traced into this program are its own from now on."""
        mine = [h for h in self.pending if located.holds(closed.jaxpr, h.variables())]
        if mine:
            self.pending = [h for h in self.pending if h not in mine]
            self.known.setdefault(id(closed.jaxpr), (closed.jaxpr, []))[1].extend(mine)
            for one in mine:
                one.adopted(closed)

    def _ended(self, call: Call, result: Any) -> None:
        try:
            self.shortcut.ran(call.closed.jaxpr, result)
            _, held = self.known.get(id(call.closed.jaxpr), (None, []))
            self.called(call.closed, call.args)
            done = replace(call, out=result[1], whole=result[0])
            for one in list(held):
                one.ran(done)
                self.ran(one, done)
        except Exception as error:
            self._failed(error)

    def _hold(self, wanted: bool) -> None:
        try:
            self.detour.hold(wanted)
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
    if any(map(is_deleted, dying)):
        return list(args)  # used up before, and JAX is about to say so
    if not dying or sum(a.nbytes for a in dying) > MOST_COPIED:
        return list(args)
    return [numpy.array(a) if d and hasattr(a, "nbytes") else a for a, d in zip(args, donated, strict=True)]
