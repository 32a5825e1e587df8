"""From the log of an eager run to the operations of a Graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whygrad.graph import Barrier, Crossing
from whygrad.recorders.tensorflow.assembly import RESOURCE, Assembly, is_write
from whygrad.recorders.tensorflow.backwards import barriers_of
from whygrad.recorders.tensorflow.bodies import is_call, is_pipeline
from whygrad.recorders.tensorflow.log import Backpropagated, Crossed, Custom, Log, Made, Met, Ran, Read, Watched
from whygrad.recorders.tensorflow.ops import Facts
from whygrad.recorders.tensorflow.pipelines import follow
from whygrad.recorders.tensorflow.traced import inline

FLOAT = 1  # DT_FLOAT


class Eager:
    """Replays a log into an assembly."""

    def __init__(self, log: Log, assembly: Assembly) -> None:
        self.log = log
        self.assembly = assembly
        self.inside = False
        # Function calls pause the tape themselves and put their own entry on it afterwards.
        self.recorded_calls = {n: e.tapes for e in log.entries if isinstance(e, Custom) for n in e.outputs}
        self.lifted = _lifted(log)

    def run(self) -> None:
        """Replay everything."""
        handlers: dict[type, Callable[[Any], None]] = {
            Met: self._met,
            Ran: self._ran,
            Backpropagated: self._backpropagated,
            Read: self._read,
            Watched: self._watched,
            Custom: self._custom,
            Crossed: self._crossed,
        }
        opened = self.assembly.tape.first if self.assembly.tape is not None else 0
        for number, entry in enumerate(list(self.log.entries), self.log.first):
            if number >= opened and not self.inside:
                self.inside = True
                self.assembly.first_op = self.assembly.builder.next_op
            handlers[type(entry)](entry)

    def _recording(self, tapes: tuple[int, ...], stopped: bool) -> bool:
        tape = self.assembly.tape
        return tape is not None and tape.serial in tapes and not stopped

    def _ran(self, entry: Ran) -> None:
        a, ids = self.assembly, entry.inputs
        recording = self._recording(entry.tapes, entry.stopped and not self.lifted.issuperset(m.id for m in entry.made))
        if entry.op_type == "VarHandleOp":
            return
        if entry.op_type == "ReadVariableOp":
            made = entry.made[0]
            out = a.current[made.id] = a.new((made.dtype, made.shape))
            a.read(ids[0], out, self._recording(entry.tapes, False), entry.stack, entry.scope)
            return
        values = [self._input(i) for i in ids]
        if is_write(entry.op_type, ids):
            if self.inside:
                a.write(entry.op_type, ids[0], values[1:], entry.stack, entry.scope)
            return
        outputs = [self._output(made) for made in entry.made]
        if is_pipeline(entry.op_type):
            follow(a, self.log, entry, values, outputs)
            return
        graph = self._body(entry)
        if graph is not None:
            custom = next((self.recorded_calls[m.id] for m in entry.made if m.id in self.recorded_calls), None)
            recording = self._recording(entry.tapes, False) if custom is not None else recording
            inline(a, self.log, graph, values, outputs, recording, entry)
            return
        facts = Facts(
            entry.op_type,
            tuple(a.specs[v] for v in values),
            tuple((m.dtype, m.shape) for m in entry.made),
            entry.attrs,
        )
        if entry.op_type == "StopGradient":
            recording = self._recording(entry.tapes, False)
        a.add(facts, values, outputs, recording, entry.stack, entry.scope)

    def _input(self, number: int) -> int:
        return self.assembly.of(number, (RESOURCE if number in self.log.variables else FLOAT, None))

    def _output(self, made: Made) -> int:
        a = self.assembly
        value = a.current[made.id] = a.new((made.dtype, made.shape))
        a.made(made.id, value)
        return value

    def _backpropagated(self, entry: Backpropagated) -> None:
        """One operation, cut wherever what it differentiates is followed: no tape was open."""
        a = self.assembly
        values = [self._input(number) for number in entry.inputs]
        outputs = [self._output(made) for made in entry.made]
        barriers = [
            Barrier(i, o, "recording-off", "gradient")
            for i, value in enumerate(values)
            if value in a.tracked
            for o in range(len(outputs))
        ]
        a.builder.op("gradient", values, outputs, a.stack(entry.stack), entry.scope, barriers)

    def _met(self, entry: Met) -> None:
        self.assembly.of(entry.made.id, (entry.made.dtype, entry.made.shape))

    def _body(self, entry: Ran) -> Any:
        return is_call(entry.op_type, entry.attrs, self.log)

    def _read(self, entry: Read) -> None:
        a = self.assembly
        out = a.current[entry.made.id] = a.new((entry.made.dtype, entry.made.shape))
        a.read(entry.handle, out, self._recording(entry.tapes, False), entry.stack, entry.scope)

    def _watched(self, entry: Watched) -> None:
        if self.assembly.tape is not None and entry.tape == self.assembly.tape.serial:
            self.assembly.watch(entry.id)

    def _custom(self, entry: Custom) -> None:
        """A tape entry made by hand stands for the operations behind it."""
        a = self.assembly
        if entry.backward.code is None and entry.name.startswith(("__", "PartitionedCall", "StatefulPartitionedCall")):
            return
        if not self._recording(entry.tapes, False) or any(i not in a.current for i in entry.outputs):
            return
        seen = entry.backward
        inputs = [a.of(i, (RESOURCE, None)) for i in entry.inputs if i >= 0]
        results = [a.current[number] for number in entry.outputs]
        outputs = [a.new(a.specs[value]) for value in results]
        a.current.update(zip(entry.outputs, outputs, strict=True))
        code = seen.code
        where = None if code is None else a.head_of(code)
        barriers = barriers_of(seen, len(inputs), len(outputs), entry.name, where)
        followed = any(v in a.tracked or i in a.watched for v, i in zip(inputs, entry.inputs, strict=False))
        if followed or any(i in a.trainable_handles for i in entry.inputs):
            a.tracked.update(outputs)
        if not seen.own:
            a.builder.op(entry.name, inputs, outputs, a.stack(entry.stack), "", barriers)
            return
        # What TensorFlow's own backward function answers nothing for is shown by the operations inside.
        answered = [value for i, value in enumerate(inputs) if i not in seen.none | seen.zeros]
        for result, output in zip(results, outputs, strict=True):
            a.builder.op("Identity", [result, *answered], [output], a.stack(entry.stack))

    def _crossed(self, entry: Crossed) -> None:
        """A departure or an arrival; an arrival that was recognised becomes an operation with a barrier."""
        a = self.assembly
        stack = a.stack(entry.stack)
        if entry.leaving:
            if entry.id in a.current:
                crossing = Crossing(a.current[entry.id], a.builder.next_op, entry.how, stack)
                a.builder.departures.append(crossing)
            return
        value = a.current[entry.id] = a.new(a.specs.get(a.current.get(entry.id, -1), (1, None)))
        origin = None if entry.came_from is None else a.current.get(entry.came_from)
        a.builder.arrivals.append(Crossing(value, a.builder.next_op, entry.how, stack))
        if origin is not None:
            left = next((d for d in reversed(a.builder.departures) if d.value == origin), None)
            where = left.stack[0] if left is not None and left.stack else None
            barrier = Barrier(0, 0, "left-framework", "the same value came back", where=where)
            a.builder.op("numpy", [origin], [value], left.stack if left is not None else stack, "", [barrier])


def _lifted(log: Log) -> frozenset[int]:
    """Ids of tensors made while TensorFlow's own custom gradients paused the tape: they are on it all the same."""
    own = [e for e in log.entries if isinstance(e, Custom) and e.backward.own]
    makers = {made.id: e for e in log.entries if isinstance(e, Ran) for made in e.made} if own else {}
    found: set[int] = set()
    for entry in own:
        todo = list(entry.outputs)
        for number in todo:
            maker = makers.get(number)
            if maker is not None and number not in entry.inputs and (maker.stopped or number in entry.outputs):
                new = {made.id for made in maker.made} - found
                found |= new
                todo.extend(maker.inputs if new else ())
    return frozenset(found)
