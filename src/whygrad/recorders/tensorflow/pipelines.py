"""Datasets of ``tf.data`` on the way to a loss: what their functions read comes back as data.

A dataset is a value like any other, made of the datasets before it and of what its function answers; an iterator stands
for its dataset, and what it gives was computed by nobody's tape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whygrad.graph import IN_DATASET, Barrier
from whygrad.recorders.tensorflow.assembly import Assembly
from whygrad.recorders.tensorflow.bodies import is_call
from whygrad.recorders.tensorflow.log import Log, Ran
from whygrad.recorders.tensorflow.ops import Facts
from whygrad.recorders.tensorflow.traced import inline

_FUNCTION = "f"
# What makes new elements of each, and what hands them on as they are, apart from their number.
_MAPS = ("Map", "ParallelMap")
_PASSED = ("Batch", "ParallelBatch", "Prefetch", "Shuffle", "Repeat", "Take", "Skip", "Cache", "Options", "Filter")


def function_only(attrs: tuple[object, ...]) -> tuple[object, ...]:
    """Of the attributes of a dataset the name of its function: the function itself holds what it closed over."""
    given = dict(zip(attrs[::2], attrs[1::2], strict=False))
    found = given.get(_FUNCTION)
    name = getattr(found, "name", found)
    return (_FUNCTION, name) if isinstance(name, (str, bytes)) else ()


def follow(assembly: Assembly, log: Log, entry: Ran, values: Sequence[int], outputs: Sequence[int]) -> None:
    """Add an operation of a pipeline.

    Args:
        values: what it was given, and ``outputs`` what it made.
    """
    a = assembly
    if entry.op_type == "MakeIterator":
        a.current[entry.inputs[1]] = values[0]
        return
    parts = a.components.get(values[0]) if values else None
    if entry.op_type == "IteratorGetNext" and parts is not None and len(parts) == len(outputs):
        for part, output in zip(parts, outputs, strict=True):
            a.builder.op(entry.op_type, [part], [output], a.stack(entry.stack), entry.scope)
        return
    graph = is_call("PartitionedCall", entry.attrs, log) if entry.attrs else None
    if graph is not None:
        answers = _answers(a, log, graph, entry, values)
        values = [values[0], *answers]
        parts = answers if entry.op_type.startswith(_MAPS) else parts
    # Of a function that is gone it is known what it closed over, and that no tape records it.
    closed_over = [i for i, value in enumerate(values) if graph is None and value in a.handle_numbers]
    barriers = [Barrier(i, 0, "recording-off", IN_DATASET) for i in closed_over if entry.op_type.startswith(_MAPS)]
    facts = Facts(entry.op_type, tuple(a.specs[v] for v in values), tuple((m.dtype, m.shape) for m in entry.made))
    barriers += [b for b in a.entering(facts, values, True) if b.input not in closed_over or not barriers]
    a.builder.op(entry.op_type, values, outputs, a.stack(entry.stack), entry.scope, barriers)
    if parts is not None and entry.op_type.startswith((*_MAPS, *_PASSED)):
        a.components[outputs[0]] = parts


def _answers(a: Assembly, log: Log, graph: Any, entry: Ran, values: Sequence[int]) -> Sequence[int]:
    """What the function of a dataset makes of the parts of an element: given first, before what it closed over."""
    captured = len(graph.captures)
    types = [(t.dtype.as_datatype_enum, None) for t in graph.inputs]
    wanted = len(types) - captured
    known = a.components.get(values[0], ())
    elements = list(known) if len(known) == wanted else [a.new(one) for one in types[:wanted]]
    if len(known) != wanted:
        a.builder.op("element", values[:1], elements, a.stack(entry.stack))
    answers = [a.new((t.dtype.as_datatype_enum, None)) for t in graph.outputs]
    around, a.in_dataset = a.in_dataset, True
    try:
        inline(a, log, graph, [*elements, *values[1 : 1 + captured]], answers, False, entry)
    finally:
        a.in_dataset = around
    return answers
