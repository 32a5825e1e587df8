"""A traced request run operation by operation, so that what comes back inside of calls, branches and loops shows.

A copy that runs as one function (``beside``) gives the tensors of the outermost graph only. Here every operation runs
eagerly on a tape of our own, bodies as often as the function runs them, and nothing with an effect runs at all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from whygrad.graph import GradientSeen
from whygrad.recorders.tensorflow.beside import DRAWS, READS, Refused, draw, fed_by_iterators, next_seed, part_of
from whygrad.recorders.tensorflow.bodies import BRANCHES, CALLS, LOOPS, arm, body_of, branches_of
from whygrad.recorders.tensorflow.log import Log
from whygrad.recorders.tensorflow.origins import Origins, content
from whygrad.recorders.tensorflow.values import worth

MOST_OPERATIONS = 20_000
# Operations that make zeros of a gradient where an operand is zero.
MEET_ZEROS = frozenset("Mul MatMul BatchMatMulV2 Einsum Conv2D Conv1D Square Abs Relu Relu6".split())
Path = tuple[str, ...]
# A tensor of a body: the names of the operations that lead to the body, and the tensor's id.
Key = tuple[Path, int]


class Turn(NamedTuple):
    """One run of one body: tensor id to what it was."""

    path: Path
    values: dict[int, Any]


class Seen(NamedTuple):
    """What came back to tensors, which were zero in every run, and in which it began that a loss is not finite.

    What is ``given`` was not finite to begin with.
    """

    cotangents: Mapping[Key, GradientSeen]
    zeros: frozenset[Key]
    breaks: Mapping[Key, str]
    given: Mapping[Key, str]


def run_unrolled(
    graph: Any, targets: Sequence[str], arguments: Sequence[Any], log: Log, fed: Sequence[Any], broken: bool
) -> Seen:
    """Run the way to some tensors of a traced function, and back.

    Args:
        graph: the function's own.
        targets: names of the tensors that are differentiated.
        arguments: of the function; ``fed``: what its iterators give.
        broken: whether to look where numbers stop being finite.

    Raises:
        Refused: it can not be told.
    """
    from tensorflow.python.eager import imperative_grad, record, tape
    from tensorflow.python.framework import errors

    if record.could_possibly_record():
        raise Refused("a tape of the script is open")
    try:
        ends = [graph.get_tensor_by_name(name) for name in targets]
        given = dict(zip([t._id for t in graph.inputs], arguments, strict=True))
        given |= {t._id: one for t, one in zip(fed_by_iterators(graph), fed, strict=False)}
        ours = tape.push_new_tape(False, False)
        try:
            run = _Run(log, lambda tensor: tape.watch(ours, tensor), broken)
            part_of([t.op for t in ends], graph, log, bool(fed))  # refuses what has an effect
            values = run.body(ends, (), given)
        finally:
            tape.pop_tape(ours)
        losses = [values[t._id] for t in ends]
        tensors = list({t._id: t for turn in run.turns for t in turn.values.values() if _is_float(t)}.values())
        back = inspect.unwrap(imperative_grad.imperative_grad)(ours, losses, tensors)
    except (errors.OpError, ValueError, KeyError, TypeError, AttributeError, LookupError) as error:
        raise Refused(str(error)) from None
    came = {t._id: worth(one) for t, one in zip(tensors, back, strict=True) if one is not None}
    return Seen(_merged(run.turns, came), run.zeros(), run.breaks(losses), run.given())


class _Run:
    """A run of all of it: ``turns`` in the order in which they began."""

    def __init__(self, log: Log, watch: Callable[[Any], None], broken: bool) -> None:
        self.log, self.watch = log, watch
        self.turns: list[Turn] = []
        self.origins = Origins() if broken else None
        self._left = MOST_OPERATIONS
        self._orders: dict[Path, list[Any]] = {}
        self._constants: dict[Any, Any] = {}
        self._attributes: dict[Any, tuple[Any, ...]] = {}
        self._operands: set[Key] = set()

    def body(self, ends: Sequence[Any], path: Path, given: Mapping[int, Any]) -> Mapping[int, Any]:
        """Run what leads to some tensors of a body once."""
        values = dict(given)
        self.turns.append(Turn(path, values))
        for one in values.values():
            if not path and _is_float(one):
                self.watch(one)
                if self.origins is not None:
                    self.origins.came_in(one._id, content(one))
        order = self._orders.get(path)
        if order is None:
            order = self._orders[path] = _order(ends, given)
        for op in order:
            inputs = [values[t._id] for t in op.inputs]
            if op.type in MEET_ZEROS:
                self._operands.update((path, t._id) for t in op.inputs)
            made = self._step(op, inputs, path)
            values.update(zip([t._id for t in op.outputs], made, strict=True))
        return values

    def zeros(self) -> frozenset[Key]:
        """Operands that were zero in every element whenever they met a gradient."""
        kept: dict[Key, list[Any]] = {}
        for turn in self.turns:
            for number, tensor in turn.values.items():
                if (turn.path, number) in self._operands:
                    kept.setdefault((turn.path, number), []).append(tensor)
        return frozenset(key for key, all_of in kept.items() if all(worth(one) == "zero" for one in all_of))

    def breaks(self, losses: Sequence[Any]) -> Mapping[Key, str]:
        """The tensors in which it began that these are not finite, and what they hold."""
        return self._placed(self.origins.of([one._id for one in losses])) if self.origins is not None else {}

    def given(self) -> Mapping[Key, str]:
        """What was not finite before any operation."""
        return self._placed(self.origins.given()) if self.origins is not None else {}

    def _placed(self, spoken: Mapping[int, str]) -> Mapping[Key, str]:
        places = ((turn.path, n, t) for turn in reversed(self.turns) for n, t in turn.values.items())
        return {(path, n): spoken[t._id] for path, n, t in places if spoken and _is_float(t) and t._id in spoken}

    def _step(self, op: Any, inputs: list[Any], path: Path) -> Sequence[Any]:
        self._left -= 1
        if self._left < 0:
            raise Refused("too many operations")
        inner, graph = (*path, op.name), op.graph
        if op.type in CALLS:
            return self._enter(body_of(graph, op.get_attr("f"), self.log), inputs, inner)
        if op.type in BRANCHES:
            branches = branches_of(op)
            chosen = _number(inputs[0]) if len(branches) != 2 or "Case" in op.type else int(not _number(inputs[0]))
            chosen = chosen if 0 <= chosen < len(branches) else len(branches) - 1
            return self._enter(body_of(graph, branches[chosen], self.log), inputs[1:], (*path, arm(op, chosen)))
        if op.type in LOOPS:
            again, turn = (body_of(graph, op.get_attr(name), self.log) for name in ("cond", "body"))
            while _number(self._enter(again, inputs, (*inner, "cond"))[0]):
                inputs = self._enter(turn, inputs, inner)
            return inputs
        return self._ran(op, inputs)

    def _enter(self, graph: Any, inputs: Sequence[Any], path: Path) -> list[Any]:
        if graph is None:
            raise Refused("a body is not known")
        given = dict(zip([t._id for t in graph.inputs], inputs, strict=True))
        values = self.body(graph.outputs, path, given)
        return [values[t._id] for t in graph.outputs]

    def _ran(self, op: Any, inputs: list[Any]) -> Sequence[Any]:
        from tensorflow.python.eager import context, execute

        if op.type == "Const":
            return (self._constant(op),)
        if op.node_def.attr["_gradient_op_type"].s:
            raise Refused("a gradient of the script's own")  # it speaks of the tensors that were traced
        kind, attributes = op.type, self._attributes.get(op)
        if kind in DRAWS:
            kind, inputs, attributes = _drawn(op, inputs)
        elif attributes is None:
            attributes = self._attributes[op] = tuple(_attributes(op))
        made = execute.quick_execute(kind, len(op.outputs), inputs, attributes, context.context())
        execute.record_gradient(kind, inputs, attributes, made)
        for one in made if op.type in READS else ():
            if _is_float(one):
                self.watch(one)
                if self.origins is not None:
                    self.origins.came_in(one._id, content(one))
        if self.origins is not None and op.type not in READS:
            held = [(one._id, content(one)) for one in made if hasattr(one, "_numpy_internal")]
            self.origins.ran([one._id for one in inputs], held)
        return made  # type: ignore[no-any-return]

    def _constant(self, op: Any) -> Any:
        from tensorflow.python.framework import ops, tensor_util

        found = self._constants.get(op)
        if found is None:
            found = self._constants[op] = ops.convert_to_tensor(tensor_util.MakeNdarray(op.get_attr("value")))
            if self.origins is not None:
                self.origins.came_in(found._id, content(found))
        return found


def _order(ends: Sequence[Any], given: Collection[int]) -> list[Any]:
    """The operations that lead to some tensors, each after those it needs: a loop is rewritten for its gradient."""
    order: dict[Any, None] = {}
    todo = [(t.op, False) for t in ends if t._id not in given]
    while todo:
        op, ready = todo.pop()
        if op in order:
            continue
        if ready:
            order[op] = None
            continue
        todo.append((op, True))
        todo.extend((t.op, False) for t in op.inputs if t._id not in given and t.op not in order)
    return list(order)


def _merged(turns: Sequence[Turn], came: Mapping[int, GradientSeen]) -> Mapping[Key, GradientSeen]:
    """What came back over all turns: zero is what always was; what is not finite is told of the turn it begins in."""
    by_path: dict[Path, list[dict[int, GradientSeen]]] = {}
    for turn in turns:
        seen = {n: came[t._id] for n, t in turn.values.items() if _is_float(t) and t._id in came}
        by_path.setdefault(turn.path, []).append(seen)
    merged: dict[Key, GradientSeen] = {}
    for path, rounds in by_path.items():
        # The way back comes by the last turn first.
        begun = next((one for one in reversed(rounds) if "nonfinite" in one.values()), None)
        for one in rounds if begun is None else (begun,):
            for number, now in one.items():
                before = merged.get((path, number), now)
                merged[path, number] = now if before in (now, "unknown", "zero") else before
    return merged


def _is_float(tensor: Any) -> bool:
    return hasattr(tensor, "_numpy_internal") and bool(tensor.dtype.is_floating)


def _number(tensor: Any) -> int:
    return int(tensor._numpy_internal())


def _drawn(op: Any, inputs: Sequence[Any]) -> tuple[str, list[Any], tuple[Any, ...]]:
    """A draw of random numbers as one that moves no generator of the script's."""
    from tensorflow.core.framework import node_def_pb2

    node = node_def_pb2.NodeDef()
    node.CopyFrom(op.node_def)
    del node.input[:]
    node.input.extend(str(n) for n in range(len(inputs)))
    draw(node)
    taken = [inputs[int(name)] if name.isdigit() else next_seed() for name in node.input]
    return node.op, taken, tuple(part for name in node.attr for part in (name, node.attr[name].type))


def _attributes(op: Any) -> Iterator[Any]:
    """The attributes of an operation as the runtime takes them: names and values in turn."""
    for attribute in op.op_def.attr:
        value = op.get_attr(attribute.name)
        yield attribute.name
        yield [_plain(one) for one in value] if isinstance(value, list) else _plain(value)


def _plain(value: Any) -> Any:
    return getattr(value, "as_datatype_enum", value)
