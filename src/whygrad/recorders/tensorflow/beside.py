"""Running part of a traced function beside the script: a copy of what leads to some of its tensors, with its arguments.

The copy has no side effect. Random numbers of the runtime are drawn by a generator without a state, so the script's own
are not moved on; what an iterator gives is given instead. Where the way to a tensor holds another operation with an
effect, or reads a variable that the function has written before, it is refused.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from whygrad.recorders.tensorflow.assembly import is_write
from whygrad.recorders.tensorflow.bodies import body_of
from whygrad.recorders.tensorflow.log import Log
from whygrad.recorders.tensorflow.values import worth

# What TensorFlow counts among operations with a state, and only looks at a variable; loops ask for its shape.
READS = frozenset(("ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape"))
# Attributes of an operation that name the functions it calls.
_CALLED = ("f", "body", "cond", "then_branch", "else_branch")
_numbers = itertools.count(1)
# The same draw by a generator that has no state, and at which place that takes its seed.
DRAWS = {
    "RandomStandardNormal": ("StatelessRandomNormal", 1),
    "RandomUniform": ("StatelessRandomUniform", 1),
    "RandomUniformInt": ("StatelessRandomUniformInt", 1),
    "TruncatedNormal": ("StatelessTruncatedNormal", 1),
    "Multinomial": ("StatelessMultinomial", 2),
}
_KEPT_BY_DRAWS = frozenset(("dtype", "T", "output_dtype"))
_ITERATOR = "IteratorGetNext"
_SEED = "whygrad_seed"
Told = TypeVar("Told")


class Refused(Exception):
    """This part can not be run beside the script without a trace."""


# Copies by what they are asked for: building one costs far more than a run.
Copies = dict[tuple[str, ...], tuple[Any, list[bool]]]


def run_beside(
    graph: Any,
    names: Sequence[str],
    arguments: Sequence[Any],
    log: Log,
    fed: Sequence[Any] = (),
    copies: Copies | None = None,
    look: Callable[[Any], Told] = worth,  # type: ignore[assignment]
) -> Mapping[str, Told]:
    """What tensors of a traced function are worth for these arguments.

    Args:
        graph: the function's own.
        names: of the tensors.
        fed: what its iterators give.
        copies: those made before, and where a new one is kept.
        look: what is told of each.

    Raises:
        Refused: it can not be told.
    """
    from tensorflow.python.eager import record
    from tensorflow.python.framework import errors, ops

    wanted = list(dict.fromkeys(names))
    try:
        made = (copies or {}).get(tuple(wanted)) or _copied(graph, wanted, log, bool(fed))
        if copies is not None:
            copies[tuple(wanted)] = made
        taken = [argument for argument, used in zip([*arguments, *fed], made[1], strict=True) if used]
        if any(argument is None for argument in taken):
            raise Refused("an argument is not known")
        with ops.init_scope(), record.stop_recording():  # a step may be under construction
            results = made[0].call_flat(*taken, next_seed())
        return {name: look(result) for name, result in zip(wanted, results, strict=True)}
    except (errors.OpError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(str(error)) from None


def next_seed() -> Any:
    """A seed for draws without a state."""
    from tensorflow.python.framework import dtypes, ops

    return ops.convert_to_tensor([next(_numbers), 0], dtypes.int32)


def captured(graph: Any) -> list[Any]:
    """What a function that is traced inside of others captured from outside of all; ``None`` for other arguments."""
    known: dict[Any, dict[int, Any]] = {}
    return [None if tensor is None else _outermost(tensor, known) for tensor in _outer(graph.inputs, graph, known)]


def _outermost(tensor: Any, known: dict[Any, dict[int, Any]]) -> Any:
    while tensor is not None and not hasattr(tensor, "_numpy_internal"):
        (tensor,) = _outer([tensor], tensor.graph, known)
    return tensor


def _outer(tensors: Iterable[Any], graph: Any, known: dict[Any, dict[int, Any]]) -> list[Any]:
    """What placeholders of a function stand for in the one around it."""
    found = known.get(graph)
    if found is None:
        found = known[graph] = {inner._id: outer for outer, inner in getattr(graph, "captures", ())}
    return [found.get(tensor._id) for tensor in tensors]


_iterators: weakref.WeakKeyDictionary[Any, tuple[str, ...]] = weakref.WeakKeyDictionary()


def fed_by_iterators(graph: Any) -> list[Any]:
    """The tensors that the iterators of a function give, which is traced to its end."""
    names = _iterators.get(graph)
    if names is None:
        names = _iterators[graph] = tuple(op.name for op in graph.get_operations() if op.type == _ITERATOR)
    return [tensor for name in names for tensor in graph.get_operation_by_name(name).outputs]


def _copied(graph: Any, names: Sequence[str], log: Log, fed: bool) -> tuple[Any, list[bool]]:
    """A function of the part, and which arguments it takes."""
    from tensorflow.python.eager.polymorphic_function import atomic_function
    from tensorflow.python.framework import func_graph, importer

    part = part_of([graph.get_tensor_by_name(name).op for name in names], graph, log, fed)
    inputs = [*graph.inputs, *(fed_by_iterators(graph) if fed else ())]
    with func_graph.FuncGraph("whygrad_beside").as_default() as copy:
        for function in graph._functions.values():
            copy._add_function_recursive(function)
        importer.import_graph_def(_definition(graph, part), name="")
        taken = [_renamed(tensor) for tensor in inputs if tensor.op in part]
        copy.inputs = [copy.get_tensor_by_name(name) for name in (*taken, f"{_SEED}:0")]
        copy.outputs = [copy.get_tensor_by_name(_renamed(graph.get_tensor_by_name(name))) for name in names]
        copy.structured_outputs = list(copy.outputs)
    made = atomic_function.from_func_graph(f"whygrad_beside_{next(_numbers)}", copy, {})
    return made, [tensor.op in part for tensor in inputs]


def _definition(graph: Any, part: Iterable[Any]) -> Any:
    """The operations as TensorFlow's own message, iterators and random numbers replaced."""
    from tensorflow.core.framework import graph_pb2, types_pb2
    from tensorflow.python.framework import tensor_shape

    definition = graph_pb2.GraphDef()
    definition.versions.CopyFrom(graph.graph_def_versions)
    _argument(definition.node.add(), _SEED, types_pb2.DT_INT32, tensor_shape.TensorShape(2))
    for op in part:
        if op.type == _ITERATOR:
            for tensor in op.outputs:
                name = _renamed(tensor).removesuffix(":0")
                _argument(definition.node.add(), name, tensor.dtype.as_datatype_enum, tensor.shape)
            continue
        node = definition.node.add()
        node.CopyFrom(op.node_def)
        del node.input[:]
        node.input.extend(_renamed(t) for t in op.inputs)
        if op.type in DRAWS:
            draw(node)
    return definition


def _renamed(tensor: Any) -> str:
    """Each output of an iterator becomes an argument."""
    if tensor.op.type != _ITERATOR:
        return str(tensor.name)
    return f"{tensor.op.name}/whygrad_{tensor.value_index}:0"


def _argument(node: Any, name: str, dtype: int, shape: Any) -> None:
    node.name, node.op = name, "Placeholder"
    node.attr["dtype"].type = dtype
    node.attr["shape"].shape.CopyFrom(shape.as_proto())


def draw(node: Any) -> None:
    """Make a node draw from our seed."""
    from tensorflow.core.framework import types_pb2

    node.op, place = DRAWS[node.op]
    node.input.insert(place, f"{_SEED}:0")
    if "Tout" in node.attr:
        node.attr["dtype"].CopyFrom(node.attr["Tout"])
    for name in set(node.attr) - _KEPT_BY_DRAWS:
        del node.attr[name]
    node.attr["Tseed"].type = types_pb2.DT_INT32


def part_of(ends: Iterable[Any], graph: Any, log: Log, fed: bool) -> dict[Any, None]:
    """The operations that lead to others, in the order of the graph.

    Args:
        fed: whether it is known what iterators give.

    Raises:
        Refused: one of them has an effect.
    """
    found: set[Any] = set()
    todo = list(ends)
    for op in todo:  # grows on the way
        if op in found:
            continue
        found.add(op)
        if fed and op.type == _ITERATOR:
            continue
        allowed = op.type in DRAWS or is_pure(op, graph, log)
        if not allowed or any(_writes(before, graph, log) for before in op.control_inputs):
            raise Refused(op.type)
        todo.extend(tensor.op for tensor in op.inputs)
    return {op: None for op in graph.get_operations() if op in found}


def is_pure(op: Any, graph: Any, log: Log) -> bool:
    """Whether an operation leaves nothing behind and would give the same again."""
    if not op._is_stateful or op.type in READS or op.type == "Placeholder":
        return True
    bodies = [body_of(graph, op.get_attr(name), log) for name in _CALLED if name in op.node_def.attr]
    return bool(bodies) and all(
        body is not None and all(is_pure(one, body, log) for one in body.get_operations()) for body in bodies
    )


def _writes(op: Any, graph: Any, log: Log) -> bool:
    return is_write(op.type, op.inputs) or (any(n in op.node_def.attr for n in _CALLED) and not is_pure(op, graph, log))
