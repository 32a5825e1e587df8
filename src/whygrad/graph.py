"""Graph: what happened up to one gradient request, with no tensor, frame or function in it.

Storage is columns (one array per attribute), so that a million operations fit; ``Op`` and ``Value`` are
small views made on access. ``spec.check`` states the laws that every Graph obeys.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from whygrad.span import Span

Shape = tuple[int | None, ...]
GradientSeen = Literal["none", "zero", "nonfinite", "present", "unknown"]
EventKind = Literal["made", "frozen", "thawed", "replaced", "written", "updated", "zeroed", "kept"]
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Barrier:
    """No derivative passes from one input of an operation to one output.

    Attributes:
        input, output: positions in the operation's inputs and outputs.
        kind: the id of the cause that this barrier is a fact of (``stop-gradient``).
        detail: what the framework calls it, or what was seen; shown to the user.
        selects: the input only selects among other inputs (an index, a condition), or all of it is overwritten.
        where: a place that explains the barrier better than the operation's own span.
        zeros: the framework hands back zeros for it, not nothing.
    """

    input: int
    output: int
    kind: str
    detail: str = ""
    selects: bool = False
    where: Span | None = None
    zeros: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """One tensor at one moment; ``op`` is its producer, ``NOWHERE`` if nothing recorded made it."""

    id: int
    op: int
    dtype: str
    shape: Shape | None


@dataclass(frozen=True, slots=True)
class Op:
    """One operation as it ran or was traced.

    Attributes:
        inputs, outputs: value ids.
        stack: the user's frames, innermost first; empty if none is known.
        scope: the path of the layer that ran it, ``""`` outside layers.
    """

    id: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    stack: tuple[Span, ...]
    scope: str
    barriers: tuple[Barrier, ...]

    @property
    def span(self) -> Span | None:
        """The innermost user frame."""
        return self.stack[0] if self.stack else None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a parameter.

    ``zeroed``: its gradient was cleared before anybody applied it; ``kept``: it had a gradient, and an optimizer left
    it as it was, for the reason that ``detail`` is. ``part`` tells which part of what a call hands back it is about.
    """

    kind: EventKind
    span: Span | None
    detail: str = ""
    part: int | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A source of the request, or a trainable variable that the forward pass read.

    Attributes:
        path: the name the user knows; ``written``: how the script writes it, where that differs (``params['w']``).
        value: the value id that stands for it; ``NOWHERE`` if it was never met while recording.
        asked: a source of this request; ``trainable``: by default; ``born_frozen``: it never was trainable.
        is_variable: a variable of the framework, not a plain tensor.
        watched: the request's tape follows it; ``gradient``: what the framework handed back.
        owner: path of the layer that holds it; ``holder``: how the user reaches it (``net.mix.gate``).
        tracked: its model lists it among its own parameters (``None``: not known).
        in_model: it can be reached from a model, not only from a list of variables (``None``: not known).
        history: in the order of happening.
        awaited: a wrapper around the model waits for its gradient, and the framework raises in the next step without
            (``False``: the wrapper is told to do without; ``None``: there is none).
    """

    path: str
    shape: Shape | None
    dtype: str
    value: int = NOWHERE
    asked: bool = True
    trainable: bool = True
    born_frozen: bool = False
    is_variable: bool = True
    watched: bool = True
    gradient: GradientSeen = "unknown"
    owner: str | None = None
    holder: str | None = None
    tracked: bool | None = None
    in_model: bool | None = None
    history: tuple[Event, ...] = ()
    awaited: bool | None = None
    written: str = ""

    @property
    def name(self) -> str:
        """What it is called before the user."""
        return self.written or self.path

    def made(self) -> Span | None:
        """Where it was created, if that was seen."""
        return next((e.span for e in self.history if e.kind == "made"), None)


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer or module that the script made.

    Attributes:
        path: as in ``Op.scope``.
        made: where the script made it.
        forward: the range of the source of its forward function, where the user wrote one.
        attribute: the attribute of its parent that holds it; ``parent``: the parent's path.
        called: where it was called in this request's window, in order.
    """

    path: str
    made: Span | None = None
    forward: Span | None = None
    attribute: str | None = None
    parent: str | None = None
    called: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Crossing:
    """A value that left the framework (``departure``) or came into it as a constant (``arrival``).

    ``seq`` orders crossings among the operations: it is the id of the next operation at that time.
    """

    value: int
    seq: int
    how: str
    stack: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """How the request's recording was set up: where it opened, and what it follows.

    ``used_up`` tells of a tape asked again after it was used up, ``used`` where it was asked before.
    """

    opened: Span | None = None
    first_op: int = 0
    follows_variables: bool = True
    used_up: bool = False
    used: Span | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error that the framework raised is about.

    Attributes:
        kind: a row of the table in the cause ``graph-error``.
        stack: the place that broke the graph, innermost first; that which raised, if no other is known.
        traced: whether ``stack`` is such another place; ``detail``: a name that it is about besides.
    """

    kind: str
    stack: tuple[Span, ...]
    traced: bool = False
    detail: str = ""


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
    recording: Recording = Recording()
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
