"""Makes flat operations of equations: calls, loops and branches are laid out in line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from whygrad.graph import Barrier
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.jax import compat
from whygrad.recorders.jax.ops import CUSTOM, Rules, Stop, bound, is_float
from whygrad.recorders.jax.places import frames_of
from whygrad.recorders.jax.refs import Refs
from whygrad.recorders.jax.tape import Choice, Tape, Turns
from whygrad.span import Span

# Operations that run a program once on their own inputs, and the parameter that holds it.
CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
    "shard_map": "jaxpr",
    "xla_pmap": "call_jaxpr",
}
# The object, the program, its variable, and the user's frames of the call that runs it.
Constant = Callable[[Any, Any, Any, frames.Stack], int]
_LOOP = "JAX has no reverse mode for a loop whose number of turns is not known"


class Flattener:
    """Writes equations into a builder.

    Args:
        reverse: the request goes backwards.
        constant: the value of an object that a program holds as a constant, for one of its variables.
    """

    def __init__(self, builder: GraphBuilder, rules: Rules, reverse: bool, constant: Constant) -> None:
        self.builder = builder
        self.rules = rules
        self.reverse = reverse
        self.constant = constant
        self.tape = Tape()
        self.refs = Refs(self.plain)
        self._stacks: dict[frames.Stack, tuple[Span, ...]] = {}

    def spans(self, stack: frames.Stack) -> tuple[Span, ...]:
        """The spans of a captured stack, looked up once."""
        found = self._stacks.get(stack)
        if found is None:
            found = self._stacks[stack] = frames.spans(stack)
        return found

    def value(self, aval: Any) -> int:
        """A fresh value of a type."""
        shape = getattr(aval, "shape", None)
        known = None if shape is None else tuple(d if isinstance(d, int) else None for d in shape)
        return self.builder.value(str(getattr(aval, "dtype", aval)), known)

    def equation(
        self,
        primitive: Any,
        params: dict[str, Any],
        given: Sequence[int],
        ins: Sequence[Any],
        outs: Sequence[Any],
        stack: frames.Stack,
    ) -> list[int]:
        """Lay out one equation.

        Args:
            given: the values of its inputs.
            ins, outs: the types of its inputs and outputs.

        Returns:
            the values of its outputs.
        """
        name = primitive.name
        if name in CALLS and CALLS[name] in params:
            return self.program(params[CALLS[name]], given, stack)
        special = {"scan": self._scan, "while": self._while, "cond": self._cond}.get(name)
        if special is not None:
            made = special(params, given, outs, stack)
            if name == "while":  # how many turns it takes is not known, so it is run again as a whole
                self._ran(primitive, params, given, made)
            return made
        if any(map(compat.is_ref, (*ins, *outs))):
            self.tape.broken = True  # what was written then is not there any more
            if any(map(compat.is_ref, ins)):
                return self.refs.used(name, params, given, ins, outs, stack)
            return self.plain(name, given, outs, (), stack)
        stops = self.rules.stops(primitive, params, ins, outs)
        made = self.plain(_called(name, params), given, outs, stops, stack, _backward(name, params))
        self._ran(primitive, params, given, made)
        return made

    def _ran(self, primitive: Any, params: dict[str, Any], given: Sequence[int], made: Sequence[int]) -> None:
        """Put an operation on the tape, unless it is one that reaches outside."""
        outside = "callback" in primitive.name or primitive.name == "ffi_call"
        kept = bound(primitive, params)
        self.tape.ran(None if outside else lambda *values: primitive.bind(*values, **kept), given, made)

    def plain(
        self,
        name: str,
        given: Sequence[int],
        outs: Sequence[Any],
        stops: Sequence[Stop],
        stack: frames.Stack,
        where: frames.Stack = (),
    ) -> list[int]:
        """One operation with its barriers; ``where`` explains those of a user's own rule."""
        made = [self.value(a) for a in outs]
        if made:
            place = self.spans(where)[0] if where else None
            barriers = [
                Barrier(s.input, s.output, s.kind, s.detail, s.selects, place if s.kind == "custom-gradient" else None)
                for s in stops
            ]
            self.builder.op(name, given, made, self.spans(stack), "", barriers)
        return made

    def program(self, closed: Any, given: Sequence[int], stack: frames.Stack) -> list[int]:
        """Lay out a whole program on the given values."""
        jaxpr = getattr(closed, "jaxpr", closed)
        env: dict[Any, int] = dict(zip(jaxpr.invars, given, strict=True))
        for var, const in zip(jaxpr.constvars, getattr(closed, "consts", ()), strict=False):
            env[var] = self.constant(const, jaxpr, var, stack)

        def read(atom: Any) -> int:
            if hasattr(atom, "val"):
                literal = self.value(atom.aval)
                self.tape.literals[literal] = atom.val
                return literal
            if atom not in env:
                env[atom] = self.value(atom.aval)
            return env[atom]

        head = compat.head(jaxpr)
        for equation in jaxpr.eqns:
            inner = frames_of(equation, head, stack)
            ins, outs = [a.aval for a in equation.invars], [v.aval for v in equation.outvars]
            values = self.equation(
                equation.primitive, equation.params, [read(a) for a in equation.invars], ins, outs, inner
            )
            env.update(zip(equation.outvars, values, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def _scan(
        self, params: dict[str, Any], given: Sequence[int], outs: Sequence[Any], stack: frames.Stack
    ) -> list[int]:
        consts, carries = params["num_consts"], params["num_carry"]
        body = params["jaxpr"]
        heads, ops = self._heads(given[consts : consts + carries], body.in_avals[consts : consts + carries], stack)
        held = self._held(self.refs.among(given[:consts], body.in_avals[:consts]), stack)
        inner, slices = len(self.builder), tuple(given[consts + carries :])
        entries, result = self.tape.apart(lambda: self.program(body, [*given[:consts], *heads, *slices], stack))
        for op, value in zip(ops, result[:carries], strict=True):
            self.builder.close_carry(op, 1, value)
        self._let_go(held)
        own = frozenset(range(inner, len(self.builder)))
        made = self._apart(result, {*given, *heads}, outs, stack)
        first = tuple(given[consts : consts + carries])
        loop = (entries, first, tuple(heads), slices, tuple(result), tuple(made), own, params["length"])
        self.tape.entries.append(Turns(*loop, bool(params["reverse"])))
        return made

    def _apart(self, result: Sequence[int], taken: set[int], outs: Sequence[Any], stack: frames.Stack) -> list[int]:
        """What a loop gives, with a value of its own for what is handed back twice, or just as it came."""
        made: list[int] = []
        for value, aval in zip(result, outs, strict=True):
            if value in taken:
                (value,) = self.plain("scan", [value], [aval], (), stack)
            taken = taken | {value}
            made.append(value)
        return made

    def _heads(self, first: Sequence[int], avals: Sequence[Any], stack: frames.Stack) -> tuple[list[int], list[int]]:
        """The heads of a loop: each carried value is that of the beginning or of the last turn."""
        heads, ops = [], []
        for value, aval in zip(first, avals, strict=True):
            heads.append(self.value(aval))
            ops.append(self.builder.op("carry", [value, value], [heads[-1]], self.spans(stack)))
        return heads, ops

    def _held(self, arrays: Mapping[int, Any], stack: frames.Stack) -> list[tuple[int, int, int, int]]:
        """Heads for what mutable arrays hold when a turn begins: array, what it held before, operation, head."""
        before = self.refs.now(list(arrays))
        heads, ops = self._heads(before, list(arrays.values()), stack)
        self.refs.held.update(zip(arrays, heads, strict=True))
        return list(zip(arrays, before, ops, heads, strict=True))

    def _let_go(self, held: Sequence[tuple[int, int, int, int]]) -> None:
        """A turn is laid out: what the arrays hold at its end is what the next begins with."""
        for array, before, op, head in held:
            if self.refs.held[array] == head:
                self.refs.held[array] = before
            else:
                self.builder.close_carry(op, 1, self.refs.held[array])

    def _while(
        self, params: dict[str, Any], given: Sequence[int], outs: Sequence[Any], stack: frames.Stack
    ) -> list[int]:
        tests, consts = params["cond_nconsts"], params["body_nconsts"]
        body = params["body_jaxpr"]
        first = given[tests + consts :]
        heads, ops = self._heads(first, body.in_avals[consts:], stack)
        held = self._held(self.refs.among(given[tests : tests + consts], body.in_avals[:consts]), stack)
        _, (going,) = self.tape.apart(lambda: self.program(params["cond_jaxpr"], [*given[:tests], *heads], stack))
        _, result = self.tape.apart(lambda: self.program(body, [*given[tests : tests + consts], *heads], stack))
        self._let_go(held)
        made: list[int] = []
        for op, start, last, aval in zip(ops, first, result, outs, strict=True):
            self.builder.close_carry(op, 1, last)
            stops = [Stop(2, 0, "non-differentiable-op", "while", True)] if is_float(aval) else []
            if self.reverse and is_float(aval):
                stops += [Stop(i, 0, "no-registered-gradient", _LOOP) for i in (0, 1)]
            made += self.plain("while", [start, last, going], [aval], stops, stack)
        return made

    def _cond(
        self, params: dict[str, Any], given: Sequence[int], outs: Sequence[Any], stack: frames.Stack
    ) -> list[int]:
        index, *rest = given
        bodies, results, own, made = [], [], [], list[int]()
        arrays = self.refs.among(rest, params["branches"][0].in_avals)
        first, ends = dict(self.refs.held), []
        for branch in params["branches"]:
            before = len(self.builder)
            self.refs.held = dict(first)
            entries, result = self.tape.apart(lambda branch=branch: self.program(branch, rest, stack))  # type: ignore[misc]
            bodies.append(entries)
            results.append(tuple(result))
            own.append(frozenset(range(before, len(self.builder))))
            ends.append(self.refs.held)
        self.refs.merge(ends, index, arrays, stack)
        for position, aval in enumerate(outs):
            inputs = [index, *(result[position] for result in results)]
            stops = [Stop(0, 0, "non-differentiable-op", "cond", True)] if is_float(aval) else []
            made += self.plain("cond", inputs, [aval], stops, stack)
        self.tape.entries.append(Choice(index, tuple(bodies), tuple(results), tuple(made), tuple(own)))
        return made


def _called(name: str, params: dict[str, Any]) -> str:
    """What to call an operation: a function with a rule of its own goes by its own name."""
    head = compat.head(getattr(params.get("call_jaxpr"), "jaxpr", None)) if name in CUSTOM else None
    return name if head is None else head[0]


def _backward(name: str, params: dict[str, Any]) -> frames.Stack:
    """Where the user's own backward rule of an operation begins."""
    if name not in CUSTOM:
        return ()
    rule = compat.head_of_rule(params.get("bwd")) or compat.head_of_rule(params.get("jvp_jaxpr_fun"))
    return ((rule[1], rule[2], rule[0], None, -1),) if rule is not None else ()
