"""Which inputs of an operation pass a gradient to which outputs, asked of TensorFlow itself.

The gradient registry says whether an operation has a gradient function, none, or is declared not
differentiable. A gradient function is called once on a scratch copy of the operation (its own types,
shapes and attributes), in a graph that is thrown away; the inputs it answers ``None`` for get a barrier.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from whygrad.graph import Barrier, Shape

# Operations whose outputs tell nothing of their inputs' values: reading a shape is no use of the tensor.
SHAPE_ONLY = frozenset(
    "Shape ShapeN Size Rank ZerosLike OnesLike VariableShape VarIsInitializedOp BroadcastGradientArgs "
    "BroadcastArgs TensorListElementShape EmptyTensorList TensorListLength".split()
)
# What the framework calls a barrier, where its name says more than its registration.
KINDS = {
    "StopGradient": "stop-gradient",
    "PyFunc": "left-framework",
    "PyFuncStateless": "left-framework",
    "Cast": "integer-dtype",
    "Bitcast": "integer-dtype",
}
# Never probed: they hold or move tensors, and carry by construction.
CARRIES = frozenset("Identity IdentityN ReadVariableOp ResourceGather ResourceGatherNd EagerPyFunc Placeholder".split())
# Not probed either, for they are in every program, in as many shapes as it has layers: to probe them all takes longer
# than a twentieth of tracing a step. They carry to each input of floating point.
COMMON = frozenset(
    "Add AddV2 BiasAdd Sub Mul Neg Square MatMul BatchMatMulV2 Conv2D Relu Tanh Mean Sum GatherV2".split()
)
# What is said of an input whose gradient is zeros whatever comes in; a row of the cause's table.
ZERO = "its derivative is zero"
_TRAINABLE = frozenset(
    (1, 2, 8, 14, 18, 19, 20, 21)
)  # float, double, complex64, bfloat16, complex128, half, resource, variant


@dataclass(frozen=True, slots=True)
class Facts:
    """What is needed to know an operation's barriers, taken from an eager or a traced one.

    Attributes:
        inputs, outputs: (number of the dtype, shape).
        attrs: names and values as the op callback hands them, or the traced node's own.
        node: the traced operation to copy, ``None`` for an eager one.
    """

    op_type: str
    inputs: tuple[tuple[int, Shape | None], ...]
    outputs: tuple[tuple[int, Shape | None], ...]
    attrs: tuple[Any, ...] = ()
    node: Any = None


def trainable(dtype: int) -> bool:
    """Whether a gradient can exist for tensors of this type (numbered as in types.proto)."""
    return dtype % 100 in _TRAINABLE


# Normalised over the last axis, a single entry is the constant 1, and its logarithm 0.
_NORMALISES = frozenset(
    ("Softmax", "LogSoftmax", "SoftmaxCrossEntropyWithLogits", "SparseSoftmaxCrossEntropyWithLogits")
)


def _is_over_one(facts: Facts) -> bool:
    shape = facts.inputs[0][1] if facts.inputs else None
    return facts.op_type in _NORMALISES and bool(shape) and shape is not None and shape[-1] == 1


class Table:
    """Barriers per operation, remembered per kind of operation."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Barrier, ...]] = {}
        self._names: dict[int, str] = {}

    def barriers(self, facts: Facts) -> tuple[Barrier, ...]:
        """The barriers of an operation."""
        try:
            key: Hashable = (facts.op_type, facts.inputs, facts.outputs, str(facts.attrs))
            if key not in self._known:
                self._known[key] = tuple(self._derive(facts))
            return self._known[key]
        except TypeError:
            return tuple(self._derive(facts))

    def _derive(self, facts: Facts) -> list[Barrier]:
        floats = [i for i, (dtype, _) in enumerate(facts.inputs) if trainable(dtype)]
        others = [i for i in range(len(facts.inputs)) if i not in floats]
        sinks = [o for o, (dtype, _) in enumerate(facts.outputs) if trainable(dtype)]
        blocked = {} if not (floats and sinks) else self._blocked(facts, floats)
        found = []
        for o, (dtype, _) in enumerate(facts.outputs):
            if o not in sinks:
                kind = KINDS.get(facts.op_type, "non-differentiable-op")
                detail = f"{facts.op_type} makes {dtype_name(dtype)}"
                found += [Barrier(i, o, kind, detail) for i in floats]
                continue
            found += [Barrier(i, o, *blocked[i], zeros=blocked[i][1] == ZERO) for i in floats if i in blocked]
            if 0 not in blocked and _is_over_one(facts):
                found.append(Barrier(0, o, "zero-gradient", "an axis of size one", zeros=True))
            if len(blocked) < len(floats):
                found += [Barrier(i, o, "non-differentiable-op", facts.op_type, selects=True) for i in others]
        return found

    def _blocked(self, facts: Facts, floats: Sequence[int]) -> dict[int, tuple[str, str]]:
        """Input position to (kind, detail) for the inputs that get no gradient."""
        from tensorflow.python.framework import ops

        op_type = facts.op_type
        if op_type in CARRIES or op_type in COMMON or op_type.startswith(("TensorList", "TensorArray")):
            return {}
        try:
            function = ops.gradient_registry.lookup(op_type)
        except LookupError:
            return dict.fromkeys(floats, ("no-registered-gradient", f"{op_type} has no gradient in TensorFlow"))
        if function is None:
            kind = KINDS.get(op_type, "non-differentiable-op")
            return dict.fromkeys(floats, (kind, f"{op_type} is declared not differentiable"))
        try:
            silent, zero = _probe(facts, function)
        except LookupError as refusal:
            return dict.fromkeys(floats, ("no-registered-gradient", f"{op_type} refuses a gradient: {refusal}"))
        if "Grad" in op_type:
            zero = set()  # a second derivative of zero (of a rectifier, of a pool) is what the first one is made of
        none = f"the gradient of {op_type} is None for this input"
        return {i: ("non-differentiable-op", none if i in silent else ZERO) for i in floats if i in silent or i in zero}


def dtype_name(dtype: int) -> str:
    """TensorFlow's name of a dtype number."""
    from tensorflow.python.framework import dtypes

    try:
        return str(dtypes.as_dtype(dtype).name)
    except TypeError:
        return "unknown"


def _probe(facts: Facts, function: Any) -> tuple[set[int], set[int]]:
    """Input positions for which the gradient function answers ``None``, and zeros; none if it can not be asked.

    What is answered is linear in what comes in. An answer that does not depend on that is zero at all values.

    Kernels take shapes that the rules of graph building refuse: then shapes are left open.

    Raises:
        LookupError: the gradient function refuses on purpose.
    """
    for open_shapes in (False, True):
        try:
            return _asked(facts, function, open_shapes)
        except Exception as error:
            if type(error) is LookupError:  # an index or a key that is missing is no refusal
                raise
    return set(), set()


def _asked(facts: Facts, function: Any, open_shapes: bool) -> tuple[set[int], set[int]]:
    from tensorflow.python.framework import func_graph, ops

    with ops.init_scope(), _recording(), func_graph.FuncGraph("whygrad_probe").as_default() as graph:
        op = _copy(facts, graph, open_shapes)
        gradients = [_placeholder(graph, t.dtype.as_datatype_enum, t.shape) for t in op.outputs]
        gradients = [g if trainable(g.dtype.as_datatype_enum) else None for g in gradients]
        answer = function(op, *gradients)
        answers = answer if isinstance(answer, (list, tuple)) else [answer]
        fed = _fed(graph, [g for g in gradients if g is not None])
        silent = {i for i, one in enumerate(answers) if one is None}
        known = [(i, getattr(one, "op", None)) for i, one in enumerate(answers) if i not in silent]
        return silent, {i for i, made in known if made is not None and made.graph is graph and made not in fed}


def _fed(graph: Any, gradients: Sequence[Any]) -> set[Any]:
    """The operations of a graph that depend on these tensors."""
    found = {gradient.op for gradient in gradients}
    for op in graph.get_operations():  # in the order in which they were made
        if any(tensor.op in found for tensor in op.inputs) or any(before in found for before in op.control_inputs):
            found.add(op)
    return found


@contextmanager
def _recording() -> Iterator[None]:
    """Let tapes record where ``init_scope`` has stopped them: some gradient functions open one of their own."""
    from tensorflow.python import pywrap_tfe

    stopped = pywrap_tfe.TFE_Py_TapeSetIsStopped()
    if stopped:
        pywrap_tfe.TFE_Py_TapeSetRestartOnThread()
    try:
        yield
    finally:
        if stopped:
            pywrap_tfe.TFE_Py_TapeSetStopOnThread()


def _copy(facts: Facts, graph: Any, open_shapes: bool) -> Any:
    inputs = [_placeholder(graph, dtype, None if open_shapes else shape) for dtype, shape in facts.inputs]
    dtypes = [dtype for dtype, _ in facts.outputs]
    if facts.node is not None:
        attrs = {k: v for k, v in facts.node.node_def.attr.items() if not k.startswith("_")}
        return graph._create_op_internal(facts.op_type, inputs, dtypes, attrs=attrs, op_def=facts.node.op_def)
    return _from_attrs(facts, inputs)


def _from_attrs(facts: Facts, inputs: list[Any]) -> Any:
    """Build an eager operation's copy; ``apply_op`` takes what the callback was given."""
    from tensorflow.python.framework import dtypes, op_def_library, op_def_registry

    definition = op_def_registry.get(facts.op_type)
    given = dict(zip(facts.attrs[::2], facts.attrs[1::2], strict=False))
    arguments: dict[str, Any] = {}
    rest, inferred = list(inputs), set()
    for argument in definition.input_arg:
        inferred |= {argument.type_attr, argument.number_attr, argument.type_list_attr}
        if argument.number_attr or argument.type_list_attr:
            size = given.get(argument.number_attr) if argument.number_attr else len(given[argument.type_list_attr])
            arguments[argument.name], rest = rest[:size], rest[size:]
        else:
            arguments[argument.name], rest = rest[0], rest[1:]
    for attr in definition.attr:
        if attr.name not in inferred and attr.name in given:
            value = given[attr.name]
            arguments[attr.name] = dtypes.as_dtype(value) if attr.type == "type" else value
    made = op_def_library.apply_op(facts.op_type, **arguments)
    while isinstance(made, (list, tuple)):
        made = made[0]
    return made.op if hasattr(made, "op") else made


def _placeholder(graph: Any, dtype: Any, shape: Any) -> Any:
    from tensorflow.python.framework import dtypes
    from tensorflow.python.ops import array_ops

    return array_ops.placeholder(dtypes.as_dtype(dtype), shape=shape)
