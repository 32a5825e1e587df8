"""A compiled request that is measured when it runs: what is looked at, and the Graph with what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from whygrad.graph import GradientSeen, Graph
from whygrad.recorders.tensorflow.beside import Copies
from whygrad.recorders.tensorflow.origins import Content, Origins, content
from whygrad.recorders.tensorflow.values import Between, worth

Beside = Callable[[Sequence[str], Callable[[Any], Any]], Mapping[str, Any]]
_READS = frozenset(("ReadVariableOp", "ResourceGather", "ResourceGatherNd"))
# Operations that make zeros of a gradient where an operand is zero.
_MEET_ZEROS = frozenset("Mul MatMul BatchMatMulV2 Einsum Conv2D Conv1D Square Abs".split())


class Step(NamedTuple):
    """An operation: whether it reads a variable, ids of what goes in, ids and names of what comes out."""

    reads: bool
    inputs: tuple[int, ...]
    outputs: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class Compiled:
    """A request that was traced.

    Attributes:
        closed: its Graph; ``values``: tensor id to its value in there.
        answers: names of the tensors that are the sources' gradients, ``None`` where there is none.
        between: tensor id to the name of what comes back to it; ``factors``: tensor id to the name of an operand.
        forward: the operations on the way to the losses; ``targets``: ids of these.
        zeros: in how many of the ``measured`` runs each source's gradient was zero.
        found: the Graph with what was measured, to be told at the end.
        copies: of its way to the gradients, while it is measured.
    """

    closed: Graph
    values: Mapping[int, int]
    answers: tuple[str | None, ...]
    between: Mapping[int, str]
    factors: Mapping[int, str]
    forward: tuple[Step, ...]
    targets: tuple[int, ...]
    zeros: list[int] = field(default_factory=list)
    runs: int = 0
    measured: int = 0
    done: bool = False
    found: Graph | None = None
    copies: Copies = field(default_factory=dict)

    @classmethod
    def of(
        cls, graph: Any, answers: Sequence[Any], between: Between, closed: Graph, values: Mapping[int, int]
    ) -> Compiled:
        """A request that was traced in a graph."""
        named = {n: t.name for n, t in zip(between.ids, between.cotangents, strict=True) if hasattr(t, "name")}
        factors = {t._id: t.name for op in graph.get_operations() if op.type in _MEET_ZEROS for t in op.inputs}
        targets = [t for op in graph.get_operations() for t in op.outputs if values.get(t._id) in closed.targets]
        forward = tuple(_leading_to(targets))
        inside = {number for step in forward for number, _ in step.outputs}
        return cls(
            closed,
            {n: v for n, v in values.items() if n in named or n in factors or n in inside},
            tuple(None if a is None else getattr(a, "values", a).name for a in answers),
            named,
            factors,
            forward,
            tuple(t._id for t in targets),
            [0] * len(answers),
        )


def with_values(compiled: Compiled, seen: Sequence[GradientSeen], run: Beside) -> Graph:
    """The Graph of the request with what came back in this run."""
    names = [*compiled.between.values(), *(compiled.factors.values() if "zero" in seen else ())]
    worths = run(list(dict.fromkeys(names)), worth)
    breaks = _breaks(compiled, run) if "nonfinite" in seen else {}
    values, closed = compiled.values, compiled.closed
    known = dict(zip(range(len(seen)), seen, strict=True))
    parameters = tuple(
        replace(p, gradient=known[i]) if i in known and p.gradient != "none" else p
        for i, p in enumerate(closed.parameters)
    )
    return replace(
        closed,
        parameters=parameters,
        cotangents={values[n]: worths[name] for n, name in compiled.between.items() if n in values},
        zeros=tuple(
            sorted({values[n] for n, t in compiled.factors.items() if n in values and worths.get(t) == "zero"})
        ),
        breaks=tuple(sorted({values[n] for n in breaks if n in values})),
        points={values[n]: holds for n, holds in breaks.items() if n in values},
    )


def _leading_to(targets: Iterable[Any]) -> Iterator[Step]:
    """The operations of a graph that lead to some tensors, in its order."""
    found = {tensor.op for tensor in targets}
    todo = list(found)
    for op in todo:  # grows on the way
        new = {tensor.op for tensor in op.inputs} - found
        found |= new
        todo.extend(new)
    for op in todo[0].graph.get_operations() if todo else ():
        if op in found:
            floats = tuple((t._id, t.name) for t in op.outputs if t.dtype.is_floating)
            yield Step(op.type in _READS, tuple(t._id for t in op.inputs), floats)


def _breaks(compiled: Compiled, run: Beside) -> Mapping[int, str]:
    """The tensors in which losses that are not finite begin not to be; what variables hold by now is not asked."""
    steps = [step for step in compiled.forward if not step.reads]
    contents: Mapping[str, Content] = run([name for step in steps for _, name in step.outputs], content)
    origins = Origins()
    for step in steps:
        held = [(number, contents[name]) for number, name in step.outputs]
        if step.inputs:
            origins.ran(step.inputs, held)
        else:
            for number, holds in held:
                origins.came_in(number, holds)
    return origins.of(compiled.targets)
