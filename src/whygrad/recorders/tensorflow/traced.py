"""From TensorFlow's graphs to the operations of a Graph: function bodies, conditionals and loops are inlined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whygrad.graph import Barrier, Shape
from whygrad.recorders.frames import Stack
from whygrad.recorders.tensorflow.assembly import Assembly, is_write
from whygrad.recorders.tensorflow.autograph import places_of
from whygrad.recorders.tensorflow.backwards import barriers_of
from whygrad.recorders.tensorflow.bodies import BRANCHES, CALLS, LOOPS, arm, body_of, branches_of, is_pipeline
from whygrad.recorders.tensorflow.log import Backward, Custom, Log, Ran
from whygrad.recorders.tensorflow.ops import Facts, trainable
from whygrad.span import Span
from whygrad.spec import CARRY

_DEEPEST = 40
Environment = dict[int, int]


class Body:
    """One graph being inlined.

    Args:
        path: the names of the operations that led here, from outside; its length guards against recursive functions.
        recording: per operation whether the tape recorded; ``None`` for a function body, whose
            gradient follows the body itself. ``reads`` says whether variables were read on the tape.
    """

    def __init__(
        self, assembly: Assembly, log: Log, graph: Any, around: Stack, reads: bool, path: tuple[str, ...] = ()
    ) -> None:
        self.a = assembly
        self.log = log
        self.graph = graph
        self.around = around
        self.reads = reads
        self.path = path
        self.environment: Environment = {}
        self.places = log.traced.get(graph, {})
        self.customs: dict[tuple[int, ...], Custom] = {}

    def value(self, tensor: Any) -> int:
        """The value of a symbolic tensor."""
        found = self.environment.get(tensor._id)
        return self._fresh(tensor) if found is None else found

    def run(self, operations: Sequence[Any], recording: Sequence[bool] | None = None) -> None:
        """Inline operations; ``recording`` says for each whether the request's tape recorded it."""
        for index, op in enumerate(operations):
            self.step(op, None if recording is None else recording[index])

    def step(self, op: Any, recording: bool | None) -> None:
        """Inline one operation."""
        kind = op.type
        if (not op.outputs and not is_write(kind, op.inputs)) or kind in ("Placeholder", "Const"):
            return
        stack, scope = self._place(op)
        if kind in CALLS:
            self._call(op, recording, stack)
        elif kind in BRANCHES:
            self._branch(op, recording, stack, scope)
        elif kind in LOOPS:
            self._loop(op, recording, stack, scope)
        elif kind == "ReadVariableOp":
            out = self.environment[op.outputs[0]._id] = self.a.new(_spec(op.outputs[0]))
            self.a.read(self._handle(op.inputs[0]), out, self.reads if recording is None else recording, stack, scope)
        elif is_write(kind, op.inputs):
            values = [self.value(t) for t in list(op.inputs)[1:]]
            self.a.write(kind, self._handle(op.inputs[0]), values, stack, scope)
        elif kind == "IdentityN":
            rule = op.node_def.attr["_gradient_op_type"].s.decode()
            self._custom(op, rule, recording, stack, scope) if rule else self._identities(op, recording, stack, scope)
        else:
            self._plain(op, recording, stack, scope)

    def _plain(self, op: Any, recording: bool | None, stack: Stack, scope: str) -> None:
        inputs = [self.value(t) for t in op.inputs]
        outputs = [self._fresh(t) for t in op.outputs]
        facts = Facts(
            op.type,
            tuple(self.a.specs[v] for v in inputs),
            tuple(self.a.specs[v] for v in outputs),
            (_attributes(op),),
            op,
        )
        if is_pipeline(op.type):
            barriers = self.a.entering(facts, inputs, recording)
            self.a.builder.op(op.type, inputs, outputs, self.a.stack(stack), scope, barriers)
            return
        self.a.add(facts, inputs, outputs, recording, stack, scope, self.reads)

    def _fresh(self, tensor: Any) -> int:
        value = self.environment[tensor._id] = self.a.new(_spec(tensor))
        self.a.made(tensor._id, value)
        if tensor._id in self.a.watched:
            self.a.tracked.add(value)
        return value

    def _handle(self, tensor: Any) -> int:
        """The number by which a variable's handle is known outside of every graph."""
        value = self.value(tensor)
        return self.a.handle_numbers.get(value, -value - 2)

    def _custom(self, op: Any, rule: str, recording: bool | None, stack: Stack, scope: str) -> None:
        """Inputs are results, arguments, variables; the results' gradient is what the user's function answers."""
        custom = self.customs.get(tuple(t._id for t in op.outputs))
        seen = custom.backward if custom is not None else self.log.rules.get(rule, Backward())
        name = custom.name if custom is not None else _named(seen)
        inputs = [self.value(t) for t in op.inputs]
        arguments, outputs = inputs[seen.results :], [self._fresh(t) for t in op.outputs]
        if seen.own:
            answered = [v for i, v in enumerate(inputs) if i >= seen.results and i not in seen.none | seen.zeros]
            self._own(inputs[: seen.results], answered, outputs, recording, self.a.stack(stack), scope)
            return
        where = self.a.head_of(seen.code) if seen.code is not None else None
        barriers = barriers_of(seen, len(arguments), len(outputs), name, where)
        self._mark(arguments, outputs, True if custom is not None else recording)
        self.a.builder.op(name, arguments, outputs, self.a.stack(stack), scope, barriers)

    def _own(
        self,
        results: Sequence[int],
        answered: Sequence[int],
        outputs: Sequence[int],
        recording: bool | None,
        stack: tuple[Span, ...],
        scope: str,
    ) -> None:
        """A custom gradient of TensorFlow's own: what it answers nothing for is shown by the operations inside."""
        self._mark([*results, *answered], outputs, recording)
        for result, output in zip(results, outputs, strict=False):
            self.a.builder.op("Identity", [result, *answered], [output], stack, scope)

    def _identities(self, op: Any, recording: bool | None, stack: Stack, scope: str) -> None:
        for tensor, made in zip(op.inputs, op.outputs, strict=True):
            value = self.value(tensor)
            spec = self.a.specs[value]
            self.a.add(Facts("Identity", (spec,), (spec,)), [value], [self._fresh(made)], recording, stack, scope)

    def _mark(self, inputs: Sequence[int], outputs: Sequence[int], recording: bool | None) -> None:
        if recording and any(v in self.a.tracked or v in self.a.handles for v in inputs):
            self.a.tracked.update(v for v in outputs if trainable(self.a.specs[v][0]))

    def _call(self, op: Any, recording: bool | None, stack: Stack) -> None:
        graph = body_of(self.graph, op.get_attr("f"), self.log)
        inputs = [self.value(t) for t in op.inputs]
        outputs = [self._fresh(t) for t in op.outputs]
        enter(self, graph, inputs, outputs, recording, stack, op.type, op.name)

    def _branch(self, op: Any, recording: bool | None, stack: Stack, scope: str) -> None:
        inputs = [self.value(t) for t in op.inputs]
        outputs = [self._fresh(t) for t in op.outputs]
        results = []
        for number, function in enumerate(branches_of(op)):
            made = [self.a.new(self.a.specs[v]) for v in outputs]
            body = body_of(self.graph, function, self.log)
            enter(self, body, inputs[1:], made, recording, stack, op.type, arm(op, number))
            results.append(made)
        for position, out in enumerate(outputs):
            arms = [made[position] for made in results]
            barriers = [Barrier(0, 0, "non-differentiable-op", f"{op.type} predicate", selects=True)]
            self.a.builder.op(op.type, [inputs[0], *arms], [out], self.a.stack(stack), scope, barriers)
        self._mark([v for made in results for v in made], outputs, recording)

    def _loop(self, op: Any, recording: bool | None, stack: Stack, scope: str) -> None:
        """Each loop variable gets a head: its initial value, or that of the last turn; the last turn gives its result.

        So a loop is taken to have run: what its body cuts is not led past it by a loop of no turns.
        """
        spans = self.a.stack(stack)
        inputs = [_crossing(self.a, self.value(t), recording, spans, op.type) for t in op.inputs]
        heads, places = [], {}
        for position, value in enumerate(inputs):
            if value in self.a.handle_numbers:  # a variable is the same one at each turn
                heads.append(value)
                continue
            heads.append(self.a.new(self.a.specs[value]))
            places[position] = self.a.builder.op(CARRY, [value, value], heads[-1:], spans, scope)
        turned = [self.a.new(self.a.specs[v]) for v in inputs]
        body = body_of(self.graph, op.get_attr("body"), self.log)
        enter(self, body, heads, turned, recording, stack, op.type, op.name)
        for position, place in places.items():
            self.a.builder.close_carry(place, 1, turned[position])
        results = [turned[n] if n in places else head for n, head in enumerate(heads)]
        for tensor, result in zip(op.outputs, results, strict=False):
            self.environment[tensor._id] = result
        self._mark([*inputs, *turned], [*heads, *results], recording)

    def _place(self, op: Any) -> tuple[Stack, str]:
        known = self.places.get(op.name)
        if known is not None:
            return known[0] or self.around, known[1]
        return places_of(op) or self.around, ""


def enter(
    body: Body,
    graph: Any,
    inputs: Sequence[int],
    outputs: Sequence[int],
    recording: bool | None,
    stack: Stack,
    kind: str,
    name: str,
) -> None:
    """Inline a graph between given values; an unknown graph becomes one operation that carries everything.

    Args:
        kind: the type of the operation that runs it; ``name``: its own name.
    """
    a = body.a
    spans = a.stack(stack)
    if graph is None or len(body.path) > _DEEPEST:
        a.builder.op(kind, inputs, outputs, spans)
        body._mark(inputs, outputs, recording)
        return
    reads = body.reads if recording is None else recording
    inner = Body(a, body.log, graph, stack, reads, (*body.path, name))
    if inner.path[0]:  # what is called eagerly has no name, and is over
        a.inside[inner.path] = inner.environment
    for tensor, value in zip(graph.inputs, inputs, strict=False):
        inner.environment[tensor._id] = _crossing(a, value, recording, spans, kind)
    inner.run(graph.get_operations())
    for made, value in zip(map(inner.value, graph.outputs), outputs, strict=False):
        if made not in a.handle_numbers:  # the turn of a loop hands on its variables
            a.builder.op("Identity", [made], [value], spans)
    if recording:
        followed = any(a.follows(v) for v in inputs)
        a.tracked.update(v for v in outputs if followed and trainable(a.specs[v][0]))


def _crossing(a: Assembly, value: int, recording: bool | None, spans: Any, name: str) -> int:
    """What a body sees of an argument: the value itself, or its copy behind a barrier when nothing recorded."""
    cut = recording is False and (value in a.tracked or value in a.sources)
    unfollowed = recording and value in a.sources and value not in a.tracked
    if not (cut or unfollowed):
        return value
    copy = a.new(a.specs[value])
    a.builder.op(name, [value], [copy], spans, "", [Barrier(0, 0, "recording-off" if cut else "not-watched", name)])
    return copy


def inline(
    a: Assembly, log: Log, graph: Any, inputs: Sequence[int], outputs: Sequence[int], recording: bool, entry: Ran
) -> None:
    """Inline the body of a function that was called eagerly."""
    around = Body(a, log, graph, entry.stack, recording)
    enter(around, graph, inputs, outputs, recording, entry.stack, entry.op_type, "")


def _spec(tensor: Any) -> tuple[int, Shape | None]:
    shape = tensor.shape
    return (tensor.dtype.as_datatype_enum, None if shape.rank is None else tuple(shape.as_list()))


def _attributes(op: Any) -> str:
    attr = op.node_def.attr
    return str([(k, attr[k].SerializeToString()) for k in sorted(attr) if not k.startswith("_")])


def _named(seen: Backward) -> str:
    name = "CustomGradient" if seen.code is None else seen.code.co_qualname
    return name.rpartition(".<locals>")[0].rpartition(".")[2] or name
