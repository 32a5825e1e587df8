"""Assembly: turns what was noted, eager or traced, into one Graph; knows what the request's tape followed."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from whygrad.graph import IN_DATASET, Barrier, Shape
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.frames import Stack
from whygrad.recorders.inner import Inner
from whygrad.recorders.tensorflow.autograph import exact_spans
from whygrad.recorders.tensorflow.lengths import Lengths
from whygrad.recorders.tensorflow.log import TapeFacts
from whygrad.recorders.tensorflow.ops import SHAPE_ONLY, Facts, Table, dtype_name, trainable
from whygrad.recorders.tensorflow.python_functions import OP, PythonFunctions, function_of, token_of
from whygrad.span import Span

RESOURCE, VARIANT = 20, 21  # DT_RESOURCE and DT_VARIANT in TensorFlow's types.proto
Spec = tuple[int, Shape | None]
# What reads rows of a variable, and needs no other operation for it.
GATHERS = frozenset(("ResourceGather", "ResourceGatherNd"))
_WRITES = ("Assign", "ResourceApply", "ResourceSparseApply", "ResourceScatter", "ResourceStridedSliceAssign")


def is_write(op_type: str, inputs: Sequence[Any]) -> bool:
    """Whether an operation writes to the variable whose handle is its first input."""
    return bool(inputs) and op_type.startswith(_WRITES)


def keeps_old(op_type: str) -> bool:
    """Whether a written variable still depends on what it held before."""
    return op_type != "AssignVariableOp"


@dataclass(slots=True)
class Assembly:
    """A Graph under construction.

    Attributes:
        tape: the tape that the request asked.
        current: tensor id to the value that stands for it now.
        state: variable handle to the value that was last written to it.
        tracked: values that the tape follows.
        trainable_handles: handles of variables that a tape follows by itself.
        python: the functions of ``tf.py_function``.
        python_ops: function to the operations that run it.
        lengths: what is divided by its own length.
        inner: the gradients that other requests made, and what of.
        inside: for each body that was inlined, by the names of the operations that lead to it, tensor id to value.
        in_dataset: whether the function of a dataset is inlined.
        components: a dataset to the parts of its elements.
    """

    builder: GraphBuilder
    tape: TapeFacts | None
    table: Table
    trainable_handles: frozenset[int]
    python: PythonFunctions
    current: dict[int, int] = field(default_factory=dict)
    state: dict[int, int] = field(default_factory=dict)
    tracked: set[int] = field(default_factory=set)
    watched: set[int] = field(default_factory=set)
    specs: dict[int, Spec] = field(default_factory=dict)
    handles: set[int] = field(default_factory=set)
    handle_numbers: dict[int, int] = field(default_factory=dict)
    sources: frozenset[int] = frozenset()
    source_ids: frozenset[int] = frozenset()
    inner: Inner = field(default_factory=Inner)
    lengths: Lengths = field(default_factory=Lengths)
    inside: dict[tuple[str, ...], dict[int, int]] = field(default_factory=dict)
    in_dataset: bool = False
    components: dict[int, Sequence[int]] = field(default_factory=dict)
    python_ops: dict[Hashable, list[int]] = field(default_factory=dict)
    first_op: int = 0
    _stacks: dict[Stack, tuple[Span, ...]] = field(default_factory=dict)

    def stack(self, stack: Stack) -> tuple[Span, ...]:
        """The spans of a captured stack, looked up once."""
        found = self._stacks.get(stack)
        if found is None:
            found = self._stacks[stack] = exact_spans(stack)
        return found

    def head_of(self, code: CodeType) -> Span:
        """Where a function begins."""
        return self.stack(((code.co_filename, code.co_firstlineno, code.co_qualname, code, -1),))[0]

    def new(self, spec: Spec) -> int:
        """A fresh value."""
        value = self.builder.value(dtype_name(spec[0]), spec[1])
        self.specs[value] = spec
        return value

    def of(self, number: int, spec: Spec) -> int:
        """The value of a tensor id, made on first sight."""
        value = self.current.get(number)
        if value is None:
            value = self.current[number] = self.new(spec)
            if spec[0] == RESOURCE:
                self.handle_numbers[value] = number
            self.made(number, value)
            if number in self.watched:
                self.tracked.add(value)
        return value

    def made(self, number: int, value: int) -> None:
        """A value stands for a tensor that a request may speak of."""
        if number in self.source_ids:
            self.sources = self.sources | {value}
        self.inner.made(number, value)

    def watch(self, number: int) -> None:
        """The tape follows this tensor or variable from now on."""
        self.watched.add(number)
        if number in self.current:
            self.tracked.add(self.current[number])

    def read(self, handle: int, out: int, recording: bool, stack: Stack, scope: str) -> None:
        """A variable's value was read into ``out``."""
        source = self.of(handle, (RESOURCE, None))
        self.handles.add(source)
        state = self.state.get(handle)
        inputs = [source] if state is None else [source, state]
        barriers = self._unread(handle, recording)
        if not barriers:
            self.tracked.add(out)
        self.builder.op("ReadVariableOp", inputs, [out], self.stack(stack), scope, barriers)

    def _unread(self, handle: int, recording: bool) -> list[Barrier]:
        """The barrier on a read of a variable that the tape does not follow."""
        if not recording:
            return [Barrier(0, 0, "recording-off", IN_DATASET if self.in_dataset else "read")]
        follows = self.tape is None or (self.tape.follows_variables and handle in self.trainable_handles)
        return [] if follows or handle in self.watched else [Barrier(0, 0, "not-watched", "read")]

    def write(self, op_type: str, handle: int, values: Sequence[int], stack: Stack, scope: str) -> None:
        """A variable was written to; what is read from it later depends on the written values."""
        spec = self.specs[values[0]] if values else (RESOURCE, None)
        inputs = [v for v in values if v not in self.handles]
        old = self.state.get(handle)
        barriers = [Barrier(i, 0, "state-write", op_type) for i in range(len(inputs))]
        if old is not None and keeps_old(op_type):
            inputs.append(old)
        if not inputs:
            return
        state = self.new(spec)
        self.builder.op(op_type, inputs, [state], self.stack(stack), scope, barriers)
        self.state[handle] = state

    def add(
        self,
        facts: Facts,
        inputs: Sequence[int],
        outputs: Sequence[int],
        recording: bool | None,
        stack: Stack,
        scope: str,
        reads: bool = True,
    ) -> None:
        """An ordinary operation.

        Args:
            recording: whether the tape recorded at that time; ``None`` inside a function body, whose
                gradient follows the body itself.
            reads: whether variables are read on the tape in such a body.
        """
        if facts.op_type in SHAPE_ONLY:
            inputs = []
            facts = Facts(facts.op_type, (), facts.outputs)
        barriers = list(self.table.barriers(facts)) if inputs else []
        barriers += self.lengths.barriers(facts, inputs, outputs)
        if facts.op_type == OP:
            token = token_of(facts)
            self.python_ops.setdefault(function_of(token), []).append(self.builder.next_op)
            barriers = self.python.barriers(token, len(inputs), len(outputs), self.stack)
        if facts.op_type in GATHERS and inputs[0] in self.handle_numbers:
            barriers += self._unread(self.handle_numbers[inputs[0]], recording is not False and reads)
        if recording is not None and self.tape is not None:
            self._follow(facts, inputs, outputs, recording, barriers)
        self.builder.op(facts.op_type, inputs, outputs, self.stack(stack), scope, barriers)

    def follows(self, value: int) -> bool:
        """Whether the tape follows a value, or the variable that it is the handle of."""
        handle = self.handle_numbers.get(value, -1)
        return value in self.tracked or handle in self.watched or handle in self.trainable_handles

    def entering(self, facts: Facts, inputs: Sequence[int], recording: bool | None) -> list[Barrier]:
        """The barriers of values that enter a pipeline of ``tf.data``; what is in one has been cut where it entered.

        Args:
            recording: as for ``add``.
        """
        if self.in_dataset:  # no tape hears what is done there
            return []
        entered = [
            i
            for i, value in enumerate(inputs)
            if facts.inputs[i][0] != VARIANT and (recording is None or self.follows(value))
        ]
        return [barrier for barrier in self.table.barriers(facts) if barrier.input in entered]

    def _follow(
        self, facts: Facts, inputs: Sequence[int], outputs: Sequence[int], recording: bool, barriers: list[Barrier]
    ) -> None:
        """Add the barriers that come from the tape, and pass on what it follows."""
        taken = {(b.input, b.output) for b in barriers}
        followed = [i for i, value in enumerate(inputs) if value in self.tracked]
        sinks = [o for o, (dtype, _) in enumerate(facts.outputs) if trainable(dtype)]
        if recording and followed:
            self.tracked.update(outputs[o] for o in sinks)
        for i, value in enumerate(inputs):
            if not trainable(self.specs[value][0]):
                continue
            if not recording and (value in self.tracked or value in self.sources):
                kind = "recording-off"
            elif recording and value not in self.tracked and value in self.sources:
                kind = "not-watched"
            else:
                continue
            barriers.extend(Barrier(i, o, kind, facts.op_type) for o in sinks if (i, o) not in taken)
