"""From the log to the operations of a Graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from whygrad.graph import Barrier, Crossing, GradientSeen
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.torch import ops
from whygrad.recorders.torch.barriers import CONSTANT, NOTHING, Reasons, Underived
from whygrad.recorders.torch.log import Applied, Crossed, Log, Made, Marked, Met, Ran
from whygrad.recorders.torch.narrowing import narrowed
from whygrad.recorders.torch.parts import independent
from whygrad.recorders.torch.values import Values
from whygrad.span import Span


class Replay:
    """Replays a log into a builder.

    Args:
        unwatched: serials of sources that are plain tensors without a gradient.
        underived: the operation of which torch said that it has no derivative.
        scope_of: module's number to the scope to write down.

    Attributes:
        current: serial to the value that stands for the tensor now.
        marked: entry number of a gradient request to (its targets' values, ``current`` at that time).
    """

    def __init__(
        self,
        builder: GraphBuilder,
        log: Log,
        marks: Sequence[int],
        opened: int,
        unwatched: frozenset[int],
        scope_of: Callable[[int], str],
        values: Values,
        underived: Underived = NOTHING,
    ) -> None:
        self.builder = builder
        self.log = log
        self.marks = frozenset(marks)
        self.opened = opened
        self.reasons = Reasons(unwatched, underived)
        self.scope_of = scope_of
        self.values = values
        self.cotangents: dict[int, GradientSeen] = {}
        self.noted: dict[str, set[int]] = {"zero": set(), "broken": set()}
        self.first_op = 0
        self._number = 0
        self.current: dict[int, int] = {}
        self.marked: dict[int, tuple[list[int], dict[int, int]]] = {}
        self._stacks: dict[frames.Stack, tuple[Span, ...]] = {}
        self._differentiable: dict[int, bool] = {}
        self._kinds: dict[int, tuple[str, tuple[int, ...] | None]] = {}
        self._bases: dict[int, int] = {}
        self._stamps: dict[int, int] = {}
        self._written: dict[int, int] = {}
        # Tensors that share memory with another, outside autograd (`.data`, `.detach()`): writes go through.
        self._aliases: dict[int, int] = {}

    def run(self) -> None:
        """Replay everything."""
        handlers: dict[type, Callable[[Any], None]] = {
            Met: self._met,
            Ran: self._ran,
            Applied: self._applied,
            Crossed: self._crossed,
        }
        for number, entry in enumerate(list(self.log.entries), self.log.first):
            if number == self.opened:
                self.first_op = self.builder.next_op
            self._number = number
            if isinstance(entry, Marked):
                if number in self.marks:
                    self.marked[number] = ([self.value(t) for t in entry.targets], dict(self.current))
            else:
                handlers[type(entry)](entry)

    def stack(self, stack: frames.Stack) -> tuple[Span, ...]:
        """The spans of a captured stack, looked up once."""
        found = self._stacks.get(stack)
        if found is None:
            found = self._stacks[stack] = frames.spans(stack)
        return found

    def value(self, serial: int) -> int:
        """The value of a tensor now; a view of something that was written to since is made anew."""
        value = self.current.get(serial)
        if value is None:
            value = self.current[serial] = self.builder.value("unknown")
        base = self._bases.get(serial, 0)
        if base and self._written.get(base, 0) > self._stamps.get(serial, 0):
            self._stamps[serial] = self.builder.next_op
            fresh = self._copy(value)
            self.builder.op("view", [self.value(base)], [fresh])
            value = self.current[serial] = fresh
        return value

    def _new(self, made: Made) -> int:
        kind = (str(made.dtype).removeprefix("torch."), None if made.shape is None else tuple(made.shape))
        value = self.builder.value(*kind)
        self._kinds[value] = kind
        self._differentiable[value] = ops.differentiable(made.dtype)
        self.current[made.serial] = value
        if made.base and made.base != made.serial:
            self._bases[made.serial] = made.base
            self._stamps[made.serial] = self.builder.next_op
        return value

    def _copy(self, like: int) -> int:
        kind = self._kinds.get(like, ("unknown", None))
        value = self.builder.value(*kind)
        self._kinds[value] = kind
        self._differentiable[value] = self._differentiable.get(like, True)
        return value

    def _met(self, entry: Met) -> None:
        sources = [self.value(leaf) for leaf in entry.leaves]
        value = self._new(entry.made)
        if sources:
            self.builder.op("unrecorded", sources, [value])

    def _ran(self, entry: Ran) -> None:
        if _hands_on(entry):
            return
        inputs = [] if ops.plain(entry.name) in ops.SHAPE_ONLY else [self.value(s) for s in entry.inputs]
        grads = entry.grads[: len(inputs)]
        stack = narrowed(self.stack(entry.stack), entry)
        outputs = [self._new(made) for made in self._distinct(entry.made)]
        self._measured(inputs, outputs)
        barriers = self._barriers(entry, inputs, grads, outputs)
        name, scope = ops.plain(entry.name.removeprefix("sample:")), self.scope_of(entry.scope)
        numbers = self._numbers(entry, stack)
        for part in independent(entry, name, len(inputs), len(outputs)):
            op = self.builder.op(
                name,
                [inputs[i] for i in part.inputs] + numbers,
                [outputs[o] for o in part.outputs],
                stack,
                scope,
                part.moved(barriers),
            )
        self._share(entry, op)

    def _measured(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """What the hooks on this entry's tensors saw come back."""
        for given, found in ((False, inputs), (True, outputs)):
            for position, value in enumerate(found):
                seen = self.values.seen.get((self._number, position, given))
                if seen is not None:
                    self.cotangents[value] = seen
                if noted := self.values.noted.get((self._number, position, given)):
                    self.noted[noted].add(value)

    def _distinct(self, made: Sequence[Made]) -> list[Made]:
        return list({one.serial: one for one in made}.values())

    def _barriers(
        self, entry: Ran, inputs: Sequence[int], grads: Sequence[bool], outputs: Sequence[int]
    ) -> list[Barrier]:
        """One barrier at most on each (input, output) pair."""
        where = self.stack(entry.where)[0] if entry.where else None
        found = []
        made = self._distinct(entry.made)
        first = next(iter(entry.inputs), 0)
        share = self.reasons.is_share(ops.plain(entry.name), inputs, outputs, self._kinds)
        for i, value in enumerate(inputs):
            if not self._differentiable.get(value, True):
                continue  # what made it an integer has cut already
            serial = entry.inputs[i]
            for o in range(len(outputs)):
                kept = serial == made[o].serial and ops.changes_first(entry.name) and serial == first
                constant = share and grads[i] and entry.recording
                reason = CONSTANT if constant else self.reasons.of(entry, i, o, grads[i], made[o], kept)
                if reason is not None:
                    zeros = reason[0] == "zero-gradient"
                    found.append(Barrier(i, o, *reason, selects=reason == ops.OVERWRITTEN, where=where, zeros=zeros))
        return found

    def _numbers(self, entry: Ran, stack: tuple[Span, ...]) -> list[int]:
        """Python numbers among the arguments: constants, of which some left as tensors."""
        found = []
        for origin in entry.numbers:
            value = self.builder.value("float64", ())
            self.builder.arrivals.append(Crossing(value, self.builder.next_op, "operand", stack))
            if origin in self.current:
                self._came_back(self.current[origin], value, stack)
            found.append(value)
        return found

    def _came_back(self, origin: int, value: int, stack: tuple[Span, ...]) -> None:
        left = next((d for d in reversed(self.builder.departures) if d.value == origin), None)
        where = left.stack[0] if left is not None and left.stack else None
        barrier = Barrier(0, 0, "left-framework", "the same value came back", where=where)
        self.builder.op("numpy", [origin], [value], left.stack if left is not None else stack, "", [barrier])

    def _share(self, entry: Ran, op: int) -> None:
        """What else an operation changes: the tensor of which its result is a view, and those that share memory."""
        name = ops.plain(entry.name)
        if name in ("detach", "data:get") and entry.inputs and entry.made:
            self._aliases[entry.made[0].serial] = entry.inputs[0]
            return
        if not ops.changes_first(entry.name) or name == "data:set":
            return
        for made in entry.made:
            self._stamps[made.serial] = op + 1
            base = self._bases.get(made.serial, 0)
            if base:
                self._write_through(base, made.serial, "CopySlices", [])
            source = self._aliases.get(made.serial)
            if source is not None and source in self.current:
                self._write_through(source, made.serial, ops.plain(entry.name), ["state-write"])

    def _write_through(self, target: int, written: int, name: str, kinds: list[str]) -> None:
        """The tensor behind a view or alias has changed with it."""
        before, after = self.value(target), self.current[written]
        fresh = self._copy(before)
        where = self.builder.span_of(after)
        barriers = [Barrier(1, 0, kind, "written through an alias", where=where) for kind in kinds]
        stack = where.stack() if where is not None else ()
        op = self.builder.op(name, [before, after], [fresh], stack, "", barriers)
        self.current[target] = fresh
        self._written[target] = op + 1
        self._stamps[target] = op + 1

    def _applied(self, entry: Applied) -> None:
        inputs = [self.value(s) for s in entry.inputs]
        outputs = [self._new(made) for made in self._distinct(entry.made)]
        code, seen = entry.backward.code, entry.backward
        where = frames.head_of(code) if code is not None else None
        barriers = []
        for i, needed in enumerate(entry.grads):
            argument = seen.positions[i]
            zeros = bool(seen.calls) and argument in seen.zero
            if needed and not entry.recording:
                barriers += [Barrier(i, o, "recording-off", entry.name) for o in range(len(outputs))]
            elif needed and (zeros or argument in seen.none):
                barriers += [
                    Barrier(i, o, "custom-gradient", entry.name, where=where, zeros=zeros) for o in range(len(outputs))
                ]
        self.builder.op(entry.name, inputs, outputs, self.stack(entry.stack), self.scope_of(entry.scope), barriers)

    def _crossed(self, entry: Crossed) -> None:
        """A departure or an arrival; an arrival that was recognised becomes an operation with a barrier."""
        stack = self.stack(entry.stack)
        if entry.leaving:
            if entry.serial in self.current:
                crossing = Crossing(self.current[entry.serial], self.builder.next_op, entry.how, stack)
                self.builder.departures.append(crossing)
            return
        dtype = str(entry.dtype).removeprefix("torch.")
        value = self.current[entry.serial] = self.builder.value(dtype)
        self._differentiable[value] = ops.differentiable(entry.dtype)
        self.builder.arrivals.append(Crossing(value, self.builder.next_op, entry.how, stack))
        origin = self.current.get(entry.came_from)
        if entry.came_from and origin is not None:
            self._came_back(origin, value, stack)


def _hands_on(entry: Ran) -> bool:
    """Whether a call gave back the very tensor that it was given (``to`` of the type and device that it has)."""
    same = len(entry.inputs) == 1 and tuple(made.serial for made in entry.made) == entry.inputs
    return same and not ops.changes_first(entry.name)
