"""Running part of a traced function beside the script: a copy of what leads to some of its tensors, with its arguments.

The copy has no side effect and draws no random number: where the way to a tensor holds an operation that could, or
reads a variable that the function has written before, it is refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from whygrad.graph import GradientSeen
from whygrad.recorders.tensorflow.assembly import is_write
from whygrad.recorders.tensorflow.log import Log
from whygrad.recorders.tensorflow.traced import body_of
from whygrad.recorders.tensorflow.values import worth

_READS = frozenset(("ReadVariableOp", "ResourceGather", "ResourceGatherNd"))
# Attributes of an operation that name the functions it calls.
_CALLED = ("f", "body", "cond", "then_branch", "else_branch")
_numbers = itertools.count(1)


class Refused(Exception):
    """This part can not be run beside the script without a trace."""


def run_beside(graph: Any, names: Sequence[str], arguments: Sequence[Any], log: Log) -> Mapping[str, GradientSeen]:
    """What tensors of a traced function are worth for these arguments.

    Args:
        graph: the function's own.
        names: of the tensors.

    Raises:
        Refused: it can not be told.
    """
    from tensorflow.python.eager import record
    from tensorflow.python.framework import errors, ops

    wanted = list(dict.fromkeys(names))
    try:
        made = _copied(graph, wanted, log)
        taken = [argument for argument, used in zip(arguments, made[1], strict=True) if used]
        if any(argument is None for argument in taken):
            raise Refused("an argument is not known")
        with ops.init_scope(), record.stop_recording():  # a step may be under construction
            results = made[0].call_flat(*taken)
        return {name: worth(result) for name, result in zip(wanted, results, strict=True)}
    except (errors.OpError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(str(error)) from None


def captured(graph: Any) -> list[Any]:
    """What a function that is traced inside of others captured from outside of all; ``None`` for other arguments."""
    found = {inner._id: outer for outer, inner in graph.captures}
    return [_outermost(found.get(tensor._id)) for tensor in graph.inputs]


def _outermost(tensor: Any) -> Any:
    while tensor is not None and not hasattr(tensor, "_numpy_internal"):
        inner = tensor
        tensor = next((o for o, i in getattr(inner.graph, "captures", ()) if i._id == inner._id), None)
    return tensor


def _copied(graph: Any, names: Sequence[str], log: Log) -> tuple[Any, list[bool]]:
    """A function of the part, and which arguments it takes."""
    from tensorflow.core.framework import graph_pb2
    from tensorflow.python.eager.polymorphic_function import atomic_function
    from tensorflow.python.framework import func_graph, importer

    part = _part([graph.get_tensor_by_name(name).op for name in names], graph, log)
    definition = graph_pb2.GraphDef()
    definition.versions.CopyFrom(graph.graph_def_versions)
    for op in part:
        node = definition.node.add()
        node.CopyFrom(op.node_def)
        del node.input[:]
        node.input.extend(t.name for t in op.inputs)
    inputs = [tensor for tensor in graph.inputs if tensor.op in part]
    with func_graph.FuncGraph("whygrad_beside").as_default() as copy:
        for function in graph._functions.values():
            copy._add_function_recursive(function)
        importer.import_graph_def(definition, name="")
        copy.inputs = [copy.get_tensor_by_name(tensor.name) for tensor in inputs]
        copy.outputs = [copy.get_tensor_by_name(name) for name in names]
        copy.structured_outputs = list(copy.outputs)
    made = atomic_function.from_func_graph(f"whygrad_beside_{next(_numbers)}", copy, {})
    return made, [tensor.op in part for tensor in graph.inputs]


def _part(ends: Iterable[Any], graph: Any, log: Log) -> dict[Any, None]:
    """The operations that lead to others, in the order of the graph.

    Raises:
        Refused: one of them has an effect.
    """
    found: set[Any] = set()
    todo = list(ends)
    for op in todo:  # grows on the way
        if op in found:
            continue
        found.add(op)
        if not is_pure(op, graph, log) or any(_writes(before, graph, log) for before in op.control_inputs):
            raise Refused(op.type)
        todo.extend(tensor.op for tensor in op.inputs)
    return {op: None for op in graph.get_operations() if op in found}


def is_pure(op: Any, graph: Any, log: Log) -> bool:
    """Whether an operation leaves nothing behind and would give the same again."""
    if not op._is_stateful or op.type in _READS or op.type == "Placeholder":
        return True
    bodies = [body_of(graph, op.get_attr(name), log) for name in _CALLED if name in op.node_def.attr]
    return bool(bodies) and all(
        body is not None and all(is_pure(one, body, log) for one in body.get_operations()) for body in bodies
    )


def _writes(op: Any, graph: Any, log: Log) -> bool:
    return is_write(op.type, op.inputs) or (any(n in op.node_def.attr for n in _CALLED) and not is_pure(op, graph, log))
