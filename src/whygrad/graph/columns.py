"""Graph: what happened up to one gradient request, with no tensor, frame or function in it.

Storage is columns (one array per attribute), so that a million operations fit; ``Op`` and ``Value`` are
small views made on access. ``spec.check`` states the laws that every Graph obeys.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from whygrad.graph.operations import Barrier, Crossing, Op, Shape, Value
from whygrad.graph.parameters import GradientSeen, Layer, Parameter
from whygrad.graph.requests import Fault, Recording
from whygrad.span import Span


@dataclass(frozen=True, slots=True)
class Graph:
    """All that is known about one gradient request. Build it with ``GraphBuilder``.

    Attributes:
        framework, api: who was asked, and by which call.
        library: whose words the script speaks, where that is not the framework's own (``keras``).
        request: the user's frames of the call, innermost first.
        targets: value ids of the losses.
        error: what the request raised, as ``Type: message``; ``fault``: what that is about, where it is known.
        labels: value id to the user's own name for it, and the function that holds it.
        cotangents: value id to what was measured to come back to it; ``zeros``: values measured to be all zero;
            ``breaks``: values that are not finite, made of finite ones, where the loss is not finite either.
        points: value id to the first of its elements at which the derivative is not finite (``0 at [3, 1]``).
        target_text: what the target was when it was no tensor at all.
        frozen: paths of the parameters that the script has frozen.
        ended: told once more when the run was over, to say only what was not applied.
    """

    framework: str
    api: str
    request: tuple[Span, ...]
    targets: tuple[int, ...]
    parameters: tuple[Parameter, ...]
    names: tuple[str, ...]
    stacks: tuple[tuple[Span, ...], ...]
    shapes: tuple[Shape | None, ...]
    op_name: array[int]
    op_stack: array[int]
    op_scope: array[int]
    in_start: array[int]
    in_value: array[int]
    out_start: array[int]
    out_value: array[int]
    value_op: array[int]
    value_dtype: array[int]
    value_shape: array[int]
    barriers: Mapping[int, tuple[Barrier, ...]]
    labels: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()
    departures: tuple[Crossing, ...] = ()
    arrivals: tuple[Crossing, ...] = ()
    recording: Recording = field(default_factory=Recording)
    error: str | None = None
    fault: Fault | None = None
    target_text: str | None = None
    notes: tuple[str, ...] = ()
    cotangents: Mapping[int, GradientSeen] = field(default_factory=dict)
    zeros: tuple[int, ...] = ()
    points: Mapping[int, str] = field(default_factory=dict)
    breaks: tuple[int, ...] = ()
    frozen: tuple[str, ...] = ()
    ended: bool = False
    library: str = ""

    def __len__(self) -> int:
        """The number of operations."""
        return len(self.op_name)

    @property
    def values(self) -> int:
        """The number of values."""
        return len(self.value_op)

    def inputs(self, op: int) -> array[int]:
        """The value ids that an operation reads."""
        return self.in_value[self.in_start[op] : self.in_start[op + 1]]

    def outputs(self, op: int) -> array[int]:
        """The value ids that an operation makes."""
        return self.out_value[self.out_start[op] : self.out_start[op + 1]]

    def op(self, op: int) -> Op:
        """A view of one operation."""
        return Op(
            op,
            self.names[self.op_name[op]],
            tuple(self.inputs(op)),
            tuple(self.outputs(op)),
            self.stacks[self.op_stack[op]],
            self.names[self.op_scope[op]],
            self.barriers.get(op, ()),
        )

    def value(self, value: int) -> Value:
        """A view of one value."""
        dtype, shape = self.names[self.value_dtype[value]], self.shapes[self.value_shape[value]]
        return Value(value, self.value_op[value], dtype, shape)

    def ops(self) -> Iterator[Op]:
        """All operations, in order."""
        return (self.op(i) for i in range(len(self)))

    def barrier(self, op: int, source: int, sink: int) -> Barrier | None:
        """The barrier between input position ``source`` and output position ``sink``, if there is one."""
        return next((b for b in self.barriers.get(op, ()) if (b.input, b.output) == (source, sink)), None)

    def layer(self, path: str) -> Layer | None:
        """The layer of that path."""
        return next((layer for layer in self.layers if layer.path == path), None)
