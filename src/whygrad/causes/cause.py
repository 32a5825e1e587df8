"""Cause: a name, its link of the chain, and how it explains one parameter; with what the causes share."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from whygrad import source
from whygrad.finding import Fix, Label, Proof, Severity, Step
from whygrad.flow import Flow
from whygrad.graph import Graph, Parameter
from whygrad.span import Span
from whygrad.ways import Cut, Edge

# The row of a table of words for the frameworks that have no words of their own in it.
ANY = ""
Spoken = TypeVar("Spoken")
# What a framework calls what it trains.
TRAINED: Mapping[str, str] = {"tensorflow": "variables", "keras": "variables", ANY: "parameters"}
# Methods that run once, when a layer is made.
MAKERS = ("__init__", "build")


@dataclass(frozen=True)
class Case:
    """One parameter without a (useful) gradient, with all that is known.

    Attributes:
        opened: the first operation of the request's own forward pass.
        asked: paths of every parameter that some request of the same step asked for.
        before: how the sources of this request were in an earlier step: path to "was a variable".
    """

    graph: Graph
    flow: Flow
    parameter: Parameter
    opened: int = 0
    asked: frozenset[str] = frozenset()

    @cached_property
    def cuts(self) -> list[Cut]:
        """The barriers on the way to the loss, the one to name first in front."""
        return blamed(self.flow, self.parameter)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a cause says of one parameter; ``diagnose`` merges those that share a culprit.

    Attributes:
        reason: completes "`x` gets no gradient: ..."; no advice, no full stop.
        labels: the code frame; the first label lies on the culprit.
        chain: the way from the parameter to where it ends.
        doubtful: another step may show that it was so in this one alone.
    """

    reason: str
    culprit: Span | None
    labels: tuple[Label, ...] = ()
    chain: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    fix: Fix | None = None
    wrong_cures: tuple[str, ...] = ()
    proof: Proof = field(default_factory=lambda: Proof("structural", True, ""))
    severity: Severity = "error"
    doubtful: bool = False


Explain = Callable[[Case], Explanation | None]


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause by its id; its words and its judgement are in the module of the same name."""

    id: str
    link: str

    @property
    def module(self) -> str:
        """The module that holds it."""
        return f"whygrad.causes.{self.id.replace('-', '_')}"

    @property
    def page(self) -> str:
        """Its manual page, Markdown."""
        return importlib.import_module(self.module).__doc__ or ""

    @property
    def summary(self) -> str:
        """The first paragraph of the manual page."""
        return " ".join(self.page.strip().split("\n\n")[1].split())

    @property
    def explain(self) -> Explain:
        """Its judgement of one parameter."""
        judge: Explain = importlib.import_module(self.module).explain
        return judge


def spoken(table: Mapping[str, Spoken], case: Case) -> Spoken:
    """The row of a table of words for what a case speaks: its library, else its framework, else ``ANY``."""
    own = table.get(case.graph.framework, table[ANY])
    return table.get(case.graph.library, own) if case.graph.library else own


def blamed(flow: Flow, parameter: Parameter) -> list[Cut]:
    """The cuts on a parameter's way, the one to blame first.

    Where one barrier alone is in the way, the last of those that would each do is blamed (nearest the
    loss); of an unrecorded stretch it is the first, where the recording was lost, and what is computed where the
    parameter is made is another stretch than the forward pass. A step function is blamed before a stop beside it.
    """
    cuts = flow.cuts(parameter.value)
    if len(cuts) != 1:
        return cuts
    alone = flow.sufficient(parameter.value)
    steps = [cut for cut in alone if cuts[0].barrier.kind == "stop-gradient" and _is_step(flow, cut)]
    kind = (steps or cuts)[0].barrier.kind
    enough = [cut for cut in alone if cut.barrier.kind == kind]
    own = [cut for cut in enough if not in_package(cut.span)] or enough
    if not own:
        return cuts
    others = [cut for cut in alone if cut.barrier.kind != kind and not in_package(cut.span)]
    stretch = [cut for cut in own if _is_early(cut, parameter) == _is_early(cuts[0], parameter)] or own
    first = stretch[0] if cuts[0].barrier.kind == "recording-off" else own[-1]
    rest = [
        cut
        for cut in [*own, *others]
        if cut.span is not None and first.span is not None and cut.span.place() != first.span.place()
    ]
    return [first, *rest]


def _is_early(cut: Cut, parameter: Parameter) -> bool:
    """Whether a cut lies where a parameter, or some layer, is made."""
    made, place = parameter.made(), cut.stack[0] if cut.stack else None
    if made is not None and place is not None and (made.file, made.line) == (place.file, place.line):
        return True
    return any((span.function or "").rpartition(".")[2] in MAKERS for span in cut.stack)


def _is_step(flow: Flow, cut: Cut) -> bool:
    """Whether a cut turns numbers into numbers in steps: a stop beside it is there because of it, not the fault."""
    graph = flow.graph
    if cut.op < 0 or cut.barrier.kind != "non-differentiable-op" or in_package(cut.span):
        return False
    return graph.value(graph.outputs(cut.op)[cut.barrier.output]).dtype.startswith("float")


def in_package(span: Span | None) -> bool:
    """Whether a place lies in an installed package."""
    return span is not None and ("site-packages" in span.file or "dist-packages" in span.file)


def functions_in(stacks: Iterable[tuple[Span, ...]]) -> Iterator[tuple[ast.AST, Span]]:
    """The script's own functions in some call stacks, each once, with a place inside it."""
    seen = set[ast.AST]()
    for span in (span for stack in stacks for span in stack if not in_package(span)):
        function = source.function_at(span)
        if function is not None and not isinstance(function, ast.Module) and function not in seen:
            seen.add(function)
            yield function, span


def quoted(name: str | None) -> str:
    """A name as the voice writes it."""
    return f"`{name}`"


def code_of(span: Span | None, longest: int = 60) -> str:
    """The text of a place, on one line, shortened; that of its whole line where no columns are known."""
    text = " ".join((span.code or source.text(span) or "").split()).rstrip(":") if span is not None else ""
    return text if len(text) <= longest else text[: longest - 3] + "..."


def loss_span(graph: Graph) -> Span | None:
    """Where the loss was computed; the request itself if that is not known."""
    for target in graph.targets:
        op = graph.value_op[target]
        stack = graph.stacks[graph.op_stack[op]] if op >= 0 else ()
        if stack:
            return stack[0]
    return graph.request[0] if graph.request else None


def seen_from(stack: tuple[Span, ...], frame: Span | None) -> Span | None:
    """The place of a call stack in the function of another place: the line that a reader of it would point to."""
    if frame is not None:
        for span in stack:
            if span.file == frame.file and span.function == frame.function:
                return span
    return stack[0] if stack else None


def alone(case: Case) -> tuple[Step, ...]:
    """The way of a parameter of which no further step matters."""
    return (Step("parameter", case.parameter.name, case.parameter.made()),)


def chain_of(case: Case) -> tuple[Step, ...]:
    """The way of a parameter to the loss, with its cuts."""
    graph, parameter = case.graph, case.parameter
    steps = [Step("parameter", parameter.name, parameter.made())]
    for edge in case.flow.in_short(parameter.value):
        step = _step(case, edge)
        if step is not None and step.text != steps[-1].text:
            steps.append(step)
    steps.append(Step("loss", "loss", loss_span(graph)))
    return tuple(_shortened(steps))


def _step(case: Case, edge: Edge) -> Step | None:
    graph = case.graph
    stack = graph.stacks[graph.op_stack[edge.op]] if edge.op >= 0 else ()
    where = stack[0] if stack else None
    if edge.barrier is not None and not edge.barrier.selects:
        name = code_of(edge.barrier.where or where, 40) or _outside(graph, edge)
        return Step("cut", f"[{name}]", edge.barrier.where or where)
    if edge.sink in graph.labels:
        return Step("through", quoted(graph.labels[edge.sink][0]), where)
    name = graph.op(edge.op).name if edge.op >= 0 else ""
    return None if name in _SILENT else Step("through", name, where)


def _outside(graph: Graph, edge: Edge) -> str:
    """What cuts, where no place of the script is known for it."""
    name = graph.op(edge.op).name if edge.op >= 0 else OUTSIDE
    return "outside the framework" if name == OUTSIDE else name


# A trip through NumPy or Python numbers, as recorders call it.
OUTSIDE = "numpy"
_SILENT = frozenset("Identity IdentityN ReadVariableOp carry Cast Reshape ExpandDims Squeeze Pack to".split())


def _shortened(steps: list[Step], most: int = 9) -> list[Step]:
    """A way of a hundred operations says nothing: keep what is named, the cuts, and both ends."""
    if len(steps) <= most:
        return steps
    kept = [
        s
        for i, s in enumerate(steps)
        if s.role != "through" or s.text.startswith("`") or i in (1, 2) or i >= len(steps) - 2
    ]
    return (
        kept
        if len(kept) <= most
        else [*kept[: most - 4], *[s for s in kept[most - 4 : -2] if s.role == "cut"], *kept[-2:]]
    )
