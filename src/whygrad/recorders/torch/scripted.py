"""What a program of TorchScript is made of: its graph, read once, as steps that can be gone through again.

TorchScript runs where nothing is heard. Its graph is public, and each node knows the line that it was made of.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from whygrad.recorders import frames

# A program that is longer is not worth its time in each call.
MOST_NODES = 5_000
_SCRIPTED = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
_TRACED = re.compile(r"^(?P<file>.+)\((?P<line>\d+)\): (?P<function>\S+)$", re.MULTILINE)
# Below it stand the frames that led to the tracing, which is not the run.
_TRACER = os.path.join("torch", "jit", "_trace.py")
_GUARDS = ("no_grad", "inference_mode")
# They hand on the tensors that they are given, or some of them.
_HANDING_ON = frozenset(
    "ListConstruct TupleConstruct ListUnpack TupleUnpack TupleIndex DictConstruct unchecked_cast __getitem__ append "
    "unwrap_optional _unwrap_optional list tuple data".split()
)
# They read what a tensor is like, not what is in it.
_ASKING = frozenset(
    "size dim len device dtype layout is_cuda is_cpu requires_grad __is__ __isnot__ __not__ numel format "
    "is_floating_point is_complex is_contiguous stride storage_offset RaiseException Print warn Uninitialized".split()
)
_INTEGRAL = frozenset(
    "argmax argmin argsort gt lt ge le eq ne logical_and logical_or logical_not logical_xor isnan isinf isfinite any "
    "all nonzero bucketize searchsorted randint multinomial long int bool one_hot bincount count_nonzero".split()
)
# Their second result says where the first was found.
_WITH_INDICES = frozenset("topk sort max min kthvalue median mode cummax cummin".split())
# The numbers by which TorchScript knows the types that torch does not differentiate.
_INTEGER_TYPES = frozenset((0, 1, 2, 3, 4, 11))


class Step(NamedTuple):
    """One node.

    Attributes:
        kind: what becomes of its inputs: ``attribute`` (named ``name``, of an object), ``same`` (they are handed on),
            ``operation``, ``scalar`` (numbers that are no tensors), ``branch`` (the results of either branch).
        integral: of each output, whether its type is one that torch does not differentiate.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    integral: tuple[bool, ...]
    recording: bool
    place: frames.Stack


@dataclass(slots=True)
class Program:
    """The steps of a graph, the names of what it is given, and of what it gives."""

    steps: list[Step]
    given: tuple[str, ...]
    gives: tuple[str, ...]


@dataclass(slots=True)
class _Reader:
    """Reads one graph; ``known`` are its constant numbers, ``guards`` the names of what switches grad mode off."""

    known: dict[str, int] = field(default_factory=dict)
    guards: set[str] = field(default_factory=set)
    off: int = 0
    read: int = 0

    def steps(self, block: Any) -> Iterator[Step]:
        for node in block.nodes():
            self.read += 1
            if self.read > MOST_NODES:
                raise Unfollowed("too long")
            space, _, name = node.kind().partition("::")
            yield from self._control(node, name) if space == "prim" else self._operation(node, name)

    def _control(self, node: Any, name: str) -> Iterator[Step]:
        if name == "Constant":
            value = node.output().toIValue()
            if type(value) is int:
                self.known[node.output().debugName()] = value
        elif name == "CreateObject":
            if any(guard in str(node.output().type()) for guard in _GUARDS):
                self.guards.add(node.output().debugName())
        elif name in ("Enter", "Exit"):
            if not self.guards.issuperset(_names(node.inputs())):
                raise Unfollowed(name)
            self.off += 1 if name == "Enter" else -1
        elif name == "SetAttr":
            if not self.guards.issuperset(_names(node.inputs())[:1]):
                raise Unfollowed(name)
        elif name == "GetAttr":
            yield self._step("attribute", node, node.s("name"))
        elif name == "If":
            yield from self._branches(node)
        elif name in _ASKING:
            return
        elif name in _HANDING_ON:
            yield self._step("same", node, name)
        else:
            raise Unfollowed(name)

    def _branches(self, node: Any) -> Iterator[Step]:
        results = []
        for block in node.blocks():
            yield from self.steps(block)
            results.append(_names(block.outputs()))
        for output, *either in zip(_names(node.outputs()), *results, strict=True):
            yield Step("branch", "If", tuple(either), (output,), (False,), True, ())

    def _operation(self, node: Any, name: str) -> Iterator[Step]:
        if name in _ASKING:
            return
        types = [str(output.type()) for output in node.outputs()]
        if name in _HANDING_ON:
            yield self._step("same", node, name)
        else:
            yield self._step("operation" if any("Tensor" in t for t in types) else "scalar", node, name)

    def _step(self, kind: str, node: Any, name: str) -> Step:
        outputs, plain = _names(node.outputs()), name.removesuffix("_")
        whole = plain in _INTEGRAL or (plain == "to" and self._to_integers(node))
        integral = tuple(whole or (i == 1 and plain in _WITH_INDICES) for i in range(len(outputs)))
        inputs = _names(node.inputs())
        return Step(
            kind, "long" if whole and plain == "to" else name, inputs, outputs, integral, not self.off, place(node)
        )

    def _to_integers(self, node: Any) -> bool:
        numbers = (self.known.get(name, -1) for name in _names(node.inputs())[1:2])
        return any(number in _INTEGER_TYPES for number in numbers)


class Unfollowed(Exception):
    """A program does something that is not followed."""


def program_of(graph: Any) -> Program | None:
    """What a graph does; ``None`` if that is not followed to the end.

    Args:
        graph: the graph, with all calls laid out in line.
    """
    try:
        return Program(list(_Reader().steps(graph)), _names(graph.inputs()), _names(graph.outputs()))
    except Unfollowed:
        return None


def place(node: Any) -> frames.Stack:
    """The script's own lines that a node was made of, the innermost first."""
    text = node.sourceRange().partition(_TRACER)[0]
    found = _TRACED.findall(text) or [(file, line, None) for file, line in _SCRIPTED.findall(text)]
    return tuple((file, int(line), function, None, 0) for file, line, function in found if frames.is_user_file(file))


def _names(values: Any) -> tuple[str, ...]:
    return tuple([value.debugName() for value in values])
