"""The table at the end of a run: one row for each layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from whygrad.watching.course import Course
from whygrad.watching.health import ParameterHealth, Route, StepHealth, layer_of
from whygrad.watching.judgement import Kind, Remark

WORDS: Mapping[Kind, str] = {
    "nonfinite": "not finite",
    "exploding": "explodes",
    "vanishing": "vanishes",
    "absent": "no gradient",
    "zero": "zeros alone",
    "standing": "stands still",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A layer over a run; ``None`` for what was not to be seen.

    Attributes:
        first, last: the norm of its gradients at the first and the last look, before clipping.
        zeros: share of zeros in its gradients; ``ratio``: update to weight; both at a usual look.
        remarks: what is said of its parameters, a word or two each.
    """

    layer: str
    optimizer: str
    first: float | None
    last: float | None
    zeros: float | None
    ratio: float | None
    remarks: tuple[str, ...]


def rows_of(courses: Mapping[str, Course], routes: Sequence[Route], remarks: Sequence[Remark]) -> Iterator[Row]:
    """The layers of every optimizer, in the order in which they run, where that is known."""
    order = {place.path: at for route in reversed(routes) for at, place in enumerate(route.places)}
    said: dict[str, list[str]] = {}
    for remark in remarks:
        for path in remark.paths if remark.kind in WORDS else ():
            said.setdefault(path, []).append(WORDS[remark.kind])
    for name, course in courses.items():
        paths = list(dict.fromkeys(p.path for look in course.kept for p in look.parameters))
        layers: dict[str, list[str]] = {}
        for path in sorted(paths, key=lambda path: order.get(path, len(order))):
            layers.setdefault(layer_of(path), []).append(path)
        for layer, members in layers.items():
            words = dict.fromkeys(word for path in members for word in said.get(path, ()))
            yield _row(layer if len(members) > 1 else members[0], name, frozenset(members), course.kept, tuple(words))


def _row(layer: str, name: str, members: frozenset[str], looks: Sequence[StepHealth], words: tuple[str, ...]) -> Row:
    measured = [tuple(p for p in look.parameters if p.path in members) for look in looks]
    seen = [each for each in measured if each]
    norms = [_norm(each) for each in seen]
    return Row(
        layer,
        name,
        norms[0],
        norms[-1],
        _usual([_zeros(each) for each in seen]),
        _usual([_ratio(each) for each in seen]),
        words,
    )


def _norm(parameters: Sequence[ParameterHealth]) -> float | None:
    norms = [p.gradient if p.before is None else p.before for p in parameters if not p.absent]
    known = [norm for norm in norms if norm is not None]
    return math.hypot(*known) if known and len(known) == len(norms) else None


def _zeros(parameters: Sequence[ParameterHealth]) -> float | None:
    known = [p for p in parameters if p.zeros is not None]
    total = sum(p.elements for p in known)
    return sum(p.zeros * p.elements for p in known if p.zeros is not None) / total if total else None


def _ratio(parameters: Sequence[ParameterHealth]) -> float | None:
    weight = math.hypot(*(p.weight or 0.0 for p in parameters))
    updates = [p.update for p in parameters if p.update is not None]
    return math.hypot(*updates) / weight if updates and weight else None


def _usual(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
