"""A rectifier whose units are all off: it passes nothing on, and what it gives is a factor of zeros."""

from __future__ import annotations

from dataclasses import replace

from whygrad.causes.alive.birth import Birth, configured, name_of, tell
from whygrad.causes.alive.factors import MULTIPLIES
from whygrad.causes.cause import Case, Explanation
from whygrad.causes.words import Words
from whygrad.ways import Edge

_RECTIFIERS = frozenset(("relu", "relu6", "threshold", "clamp_min", "hardswish"))
# Those that give zeros where they are off.
_ZEROING = frozenset(("relu", "relu6"))
# They make zeros of zeros: dropout is a product or a choice between it and zeros.
_KEEPING = frozenset("mul multiply identity reshape cast selectv2 select maxpool avgpool transpose squeeze".split())
_FARTHEST = 20
_FEW = 4
_WORDS = Words(
    "every unit of `{code}` is off",
    "no unit that matters is on here",
    "leaky_relu, elu or gelu keep a slope; or start from smaller weights, a positive bias, a smaller learning rate",
)
_EMPTY = Words(
    "`{code}` is given nothing but zeros, where it has no slope",
    "every element is 0 before this",
    "look at where the zeros come from: the data, or weights and biases that all begin as zeros",
)


def rectified(birth: Birth) -> Explanation | None:
    """The rectifier itself."""
    return _told(birth) if birth.name in _RECTIFIERS else None


def factor_off(birth: Birth) -> Explanation | None:
    """The rectifier that the zeros come from by which something else is multiplied."""
    case, edge = birth.case, birth.edge
    others = [v for v in case.graph.inputs(edge.op) if v != edge.source and v in case.graph.zeros]
    made = (_rectifier(case, value) for value in others if birth.name in MULTIPLIES)
    found = next((one for one in made if one is not None), None)
    return _told(replace(birth, edge=found)) if found is not None else None


def _rectifier(case: Case, value: int) -> Edge | None:
    """The rectifier that zeros come from, straight or through operations that make nothing else of zeros."""
    way = [value]
    for one in way:  # grows on the way
        made = case.graph.value_op[one]
        inputs = case.graph.inputs(made) if made >= 0 else ()
        if not inputs:  # a constructor of zeros reads nothing
            continue
        found = Edge(inputs[0], made, one, None)
        name = name_of(case, found)
        if name in _ZEROING and (one == value or case.graph.cotangents.get(inputs[0]) == "zero"):
            return found
        way.extend(v for v in inputs if name in _KEEPING and v not in way and len(way) < _FARTHEST)
    return None


def _told(birth: Birth) -> Explanation:
    """What is told of units that are off; a note where chance alone may have put them out, and may bring them back.

    Each of a few units is as likely off as on at the start, and moves as long as the weights before it do.
    """
    case, edge = birth.case, birth.edge
    if edge.source in case.graph.zeros:
        return tell(birth, _EMPTY, at=configured(birth))
    told = tell(birth, _WORDS, at=configured(birth))
    units = case.graph.value(edge.sink).shape or (None,)
    if len(units) > 2 or units[-1] is None or units[-1] > _FEW:
        return told
    learning = [p.value for p in case.graph.parameters if p.asked and p.gradient == "present"]
    if edge.source not in case.flow.forward(learning, barriers=False):
        return told
    return replace(told, severity="note", notes=("what feeds these few units learns, so they may come back",))
