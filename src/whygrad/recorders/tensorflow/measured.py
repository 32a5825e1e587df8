"""A compiled request that is measured when it runs: what is looked at, and the Graph with what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from whygrad.graph import GradientSeen, Graph
from whygrad.recorders.tensorflow.beside import Copies, Refused
from whygrad.recorders.tensorflow.origins import Content, Origins, content, is_sealed
from whygrad.recorders.tensorflow.unrolled import MEET_ZEROS, Path, Seen
from whygrad.recorders.tensorflow.values import Between, worth

Beside = Callable[[Sequence[str], Callable[[Any], Any]], Mapping[str, Any]]
Unroll = Callable[[bool], Seen]
# What came back, the operands that were zero, where losses began not to be finite, and what was not to begin with.
Measured = tuple[Mapping[int, GradientSeen], Iterable[int], Mapping[int, str], Mapping[int, str]]
_RANKS: Sequence[GradientSeen] = ("none", "unknown", "zero", "present", "nonfinite")
_READS = frozenset(("ReadVariableOp", "ResourceGather", "ResourceGatherNd"))


class Placed(NamedTuple):
    """Tensor id to value, for the outermost graph, and for each body in it by the path that leads there."""

    values: Mapping[int, int]
    inside: Mapping[Path, Mapping[int, int]] = {}


class Step(NamedTuple):
    """An operation: whether it reads a variable, ids of what goes in, ids and names of what comes out; lists apart."""

    reads: bool
    inputs: tuple[int, ...]
    outputs: tuple[tuple[int, str], ...]
    sealed: tuple[int, ...]


@dataclass(slots=True)
class Compiled:
    """A request that was traced.

    Attributes:
        closed: its Graph; ``values``: tensor id to its value in there.
        answers: names of the tensors that are the sources' gradients, ``None`` where there is none.
        between: tensor id to the name of what comes back to it; ``factors``: tensor id to the name of an operand.
        forward: the operations on the way to the losses; ``targets``: ids of these.
        inside: for the function and each body in it, tensor id to value; empty where there is no body.
        zeros: in how many of the ``measured`` runs each source's gradient was zero.
        found: the Graph with what was measured, to be told at the end; ``seen``: what it says of each source.
        copies: of its way to the gradients, while it is measured.
    """

    closed: Graph
    values: Mapping[int, int]
    answers: tuple[str | None, ...]
    between: Mapping[int, str]
    factors: Mapping[int, str]
    forward: tuple[Step, ...]
    targets: tuple[int, ...]
    inside: Mapping[Path, Mapping[int, int]]
    zeros: list[int] = field(default_factory=list)
    runs: int = 0
    measured: int = 0
    done: bool = False
    found: Graph | None = None
    seen: Sequence[GradientSeen] = ()
    copies: Copies = field(default_factory=dict)

    def names_of_targets(self) -> list[str]:
        """The losses, by the names of their tensors."""
        return [name for step in self.forward for number, name in step.outputs if number in self.targets]

    @classmethod
    def of(cls, graph: Any, answers: Sequence[Any], between: Between, closed: Graph, placed: Placed) -> Compiled:
        """A request that was traced in a graph."""
        values = placed.values
        named = {n: t.name for n, t in zip(between.ids, between.cotangents, strict=True) if hasattr(t, "name")}
        factors = {t._id: t.name for op in graph.get_operations() if op.type in MEET_ZEROS for t in op.inputs}
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
            {(): dict(values), **placed.inside} if placed.inside else {},
            [0] * len(answers),
        )


def with_values(compiled: Compiled, seen: Sequence[GradientSeen], run: Beside, unroll: Unroll) -> Graph:
    """The Graph of the request with what came back in this run."""
    inside = _inside(compiled, unroll, "nonfinite" in seen)
    cotangents, zeros, breaks, given = inside or _outside(compiled, seen, run)
    known = dict(zip(range(len(seen)), seen, strict=True))
    parameters = tuple(
        replace(p, gradient=known[i]) if i in known and p.gradient != "none" else p
        for i, p in enumerate(compiled.closed.parameters)
    )
    return replace(
        compiled.closed,
        parameters=parameters,
        cotangents=cotangents,
        zeros=tuple(sorted(zeros)),
        breaks=tuple(sorted(breaks)),
        points={**given, **breaks},
    )


def _outside(compiled: Compiled, seen: Sequence[GradientSeen], run: Beside) -> Measured:
    """What is seen of the outermost graph, by value."""
    values = compiled.values
    names = [*compiled.between.values(), *(compiled.factors.values() if "zero" in seen else ())]
    worths = run(list(dict.fromkeys(names)), worth)
    origins = _origins(compiled, run) if "nonfinite" in seen else Origins()
    breaks, given = origins.of(compiled.targets), origins.given()
    return (
        {values[n]: worths[name] for n, name in compiled.between.items() if n in values},
        {values[n] for n, t in compiled.factors.items() if n in values and worths.get(t) == "zero"},
        {values[n]: holds for n, holds in breaks.items() if n in values},
        {values[n]: holds for n, holds in given.items() if n in values},
    )


def _inside(compiled: Compiled, unroll: Unroll, broken: bool) -> Measured | None:
    """What is seen of all bodies as well, by value; ``None`` where there are none, or they can not be run."""
    try:
        seen = unroll(broken) if compiled.inside else None
    except Refused:
        return None
    if seen is None:
        return None
    values = {(path, n): value for path, held in compiled.inside.items() for n, value in held.items()}
    cotangents: dict[int, GradientSeen] = {}
    for key, came in seen.cotangents.items():
        # The head of a loop is its variable in each turn, and its result.
        if key in values and _RANKS.index(came) >= _RANKS.index(cotangents.get(values[key], "zero")):
            cotangents[values[key]] = came
    breaks = {values[key]: holds for key, holds in seen.breaks.items() if key in values}
    given = {values[key]: holds for key, holds in seen.given.items() if key in values}
    return cotangents, {values[key] for key in seen.zeros if key in values}, breaks, given


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
            sealed = tuple(t._id for t in op.outputs if is_sealed(t))
            yield Step(op.type in _READS, tuple(t._id for t in op.inputs), floats, sealed)


def _origins(compiled: Compiled, run: Beside) -> Origins:
    """The tensors that are not finite on the way to the losses."""
    steps = compiled.forward
    contents: Mapping[str, Content] = run([name for step in steps for _, name in step.outputs], content)
    origins = Origins()
    for step in steps:
        held = [(number, contents[name]) for number, name in step.outputs]
        held += [(number, "sealed") for number in step.sealed]
        if step.inputs and not step.reads:
            origins.ran(step.inputs, held)
        else:
            for number, holds in held:
                origins.came_in(number, holds)
    return origins
