"""Where a gradient turns into something useless: what all ways of the link "alive" are asked about."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from whygrad import source
from whygrad.causes.cause import Case, Explanation, chain_of, code_of, in_package, quoted
from whygrad.causes.words import Words, explained
from whygrad.graph import GradientSeen, Layer
from whygrad.span import Span
from whygrad.ways import Edge

# Some libraries mark their own operations with one.
_OWN = "_"
# Where the words of a way speak of the text of the place.
_PLACE = "`{code}`"
ALONE = "no other operation on the way turns it to zeros"


@dataclass(frozen=True, slots=True)
class Birth:
    """An operation that turns a gradient into something useless.

    Attributes:
        edge: the way through the operation on which it does.
        edges: those of all such operations between the parameter and the loss, in order of running.
    """

    case: Case
    edge: Edge
    edges: Sequence[Edge]

    @property
    def name(self) -> str:
        """The operation's name."""
        return name_of(self.case, self.edge)


# Recognises one way in which it happens, and says it.
Way = Callable[[Birth], Explanation | None]


def births(case: Case, kind: GradientSeen) -> list[Birth]:
    """Where the gradient becomes useless, the nearest to the loss first; nowhere if it was not measured."""
    if case.parameter.value < 0 or not case.graph.cotangents:
        return []
    edges = case.flow.births(case.parameter.value, kind)
    return [Birth(case, edge, edges) for edge in reversed(edges)]


def name_of(case: Case, edge: Edge) -> str:
    """The name of the operation of an edge, as the tables of ways write it."""
    return case.graph.op(edge.op).name.lower().strip(_OWN)


def tell(birth: Birth, words: Words, proof: str = ALONE, at: Span | None = None) -> Explanation:
    """The explanation of one such operation.

    Args:
        proof: what was measured.
        at: a better place than the operation's own.
    """
    case, stack = birth.case, birth.case.graph.op(birth.edge.op).stack
    place = at or made(case, birth.edge.op, stack) or _place(stack)
    said = replace(words, proof=f"measured on the way back: {proof}", severity="warning")
    if place is not None and is_request(case, place):
        said = replace(said, reason=words.reason.replace(_PLACE, _inside(birth, place)))
    return explained(said, place, chain_of(case))


def is_request(case: Case, place: Span) -> bool:
    """Whether a place is the one call that makes the loss and asks for gradients."""
    return bool(case.graph.request) and place.place() == case.graph.request[0].place()


def _inside(birth: Birth, place: Span) -> str:
    """What to call an operation that a library runs inside of the one call that asks for gradients."""
    call = source.node_at(place)
    name = getattr(call.func, "attr", None) or getattr(call.func, "id", None) if isinstance(call, ast.Call) else None
    text = f"an operation (`{birth.name}`) inside of {quoted(name or code_of(place))}"
    return text.replace("{", "{{").replace("}", "}}")  # it becomes part of a template


def made(case: Case, op: int, stack: tuple[Span, ...]) -> Span | None:
    """Where the layer that ran an operation was made, if the script has no line of its own that runs it."""
    if op < 0 or not stack or not is_request(case, stack[0]):
        return None
    layer = _layer(case, op)
    return layer.made if layer is not None else None


def configured(birth: Birth) -> Span | None:
    """Where a library's layer was made that holds weights and this operation: as an argument, ``activation="relu"``."""
    layer = _layer(birth.case, birth.edge.op)
    if layer is None or layer.forward is not None:
        return None
    name = layer.path.rsplit("/", 1)[-1]
    return layer.made if any(p.owner == name for p in birth.case.graph.parameters) else None


def library_layer(birth: Birth) -> Span | None:
    """Where the library's layer was made that does nothing but this operation, with its setting."""
    layer = _layer(birth.case, birth.edge.op)
    return layer.made if layer is not None and layer.forward is None else None


def _layer(case: Case, op: int) -> Layer | None:
    """The innermost layer that an operation ran in."""
    name = case.graph.op(op).scope.rsplit("/", 1)[-1]
    return next((layer for layer in case.graph.layers if layer.path.rsplit("/", 1)[-1] == name), None)


def _place(stack: tuple[Span, ...]) -> Span | None:
    """The innermost line of the script's own, where there is one."""
    return next((span for span in stack if not in_package(span)), stack[0] if stack else None)
