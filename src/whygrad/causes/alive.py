"""What the causes of the link "alive" share: one operation turns a gradient into something useless."""

from __future__ import annotations

from dataclasses import dataclass

from whygrad.causes.cause import Case, Explanation, chain_of, code_of, in_package
from whygrad.finding import Fix, Label, Proof
from whygrad.graph import GradientSeen, Layer
from whygrad.span import Span
from whygrad.ways import Edge

# The row of a table of ways for an operation: some libraries mark their own with an underscore.
_OWN = "_"


@dataclass(frozen=True, slots=True)
class Way:
    """How an operation does it; ``{code}`` is the text of its place."""

    reason: str
    label: str
    fix: str


def born(case: Case, kind: GradientSeen) -> list[Edge]:
    """The edges at which the gradient becomes useless, in order of running; none where it was not measured."""
    if case.parameter.value < 0 or not case.graph.cotangents:
        return []
    return case.flow.births(case.parameter.value, kind)


def name_of(case: Case, edge: Edge) -> str:
    """The name of the operation of an edge, as the tables of ways write it."""
    return case.graph.op(edge.op).name.lower().strip(_OWN)


def explain_birth(case: Case, edge: Edge, way: Way, proof: str, at: Span | None = None) -> Explanation:
    """The explanation of one such operation.

    Args:
        at: a better place than the operation's own.
    """
    stack = case.graph.op(edge.op).stack
    place = at or made(case, edge.op, stack) or _place(stack)
    code = code_of(place)
    return Explanation(
        way.reason.format(code=code),
        place,
        (Label(place, way.label),) if place is not None else (),
        chain_of(case),
        fix=Fix(way.fix),
        proof=Proof("structural", True, f"measured on the way back: {proof}"),
        severity="warning",
    )


def made(case: Case, op: int, stack: tuple[Span, ...]) -> Span | None:
    """Where the layer that ran an operation was made, if the script has no line of its own that runs it."""
    if op < 0 or not stack or not case.graph.request or stack[0].place() != case.graph.request[0].place():
        return None
    layer = _layer(case, op)
    return layer.made if layer is not None else None


def configured(case: Case, op: int) -> Span | None:
    """Where a library's layer was made that holds weights and this operation: as an argument, ``activation="relu"``."""
    layer = _layer(case, op)
    if layer is None or layer.forward is not None:
        return None
    name = layer.path.rsplit("/", 1)[-1]
    return layer.made if any(p.owner == name for p in case.graph.parameters) else None


def _layer(case: Case, op: int) -> Layer | None:
    """The innermost layer that an operation ran in."""
    name = case.graph.op(op).scope.rsplit("/", 1)[-1]
    return next((layer for layer in case.graph.layers if layer.path.rsplit("/", 1)[-1] == name), None)


def _place(stack: tuple[Span, ...]) -> Span | None:
    """The innermost line of the script's own, where there is one."""
    return next((span for span in stack if not in_package(span)), stack[0] if stack else None)
