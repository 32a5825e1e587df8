"""Gradients that fall or rise layer by layer, from the loss back to the first layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

from whygrad.span import Span
from whygrad.watching.health import Place, Route, StepHealth

# Layers in a row, the fall of a usual one of them, and of all: what no healthy network shows over most of a run.
FEWEST_LAYERS = 5
FACTOR = 2.0
TOTAL = 1e3
# A layer that swims a little against the stream does not end a stretch.
AGAINST = 1.25
# A recurrent layer that gets this much more than the layer behind it.
RECURRENT = 1e4
FEWEST_TURNS = 4
# What holds in this share of the looks, and in the last, holds for the run.
MOSTLY = 0.8
TINY = 1e-45  # the smallest number of single precision: what underflowed to zero is no larger


Kind = Literal["vanishing", "exploding"]
_SIGNS: dict[int, Kind] = {1: "vanishing", -1: "exploding"}


@dataclass(frozen=True, slots=True)
class Slope:
    """A stretch of layers; ``where``: the line that explains it."""

    kind: Kind
    text: str
    paths: tuple[str, ...]
    where: Span | None


@dataclass(frozen=True, slots=True)
class _Layer:
    """The largest matrix of a layer, in each look: its gradient's norm, and the root mean square of its elements."""

    place: Place
    norms: tuple[float, ...]
    means: tuple[float, ...]


def slopes(looks: Sequence[StepHealth], routes: Sequence[Route]) -> Iterator[Slope]:
    """Every stretch over which gradients vanish or explode at most of the looks, and at the last."""
    seen: set[tuple[str, ...]] = set()
    for route in routes:
        layers = _layers(looks, route)
        key = tuple(layer.place.path for layer in layers)
        if key in seen:
            continue
        seen.add(key)
        for sign, kind in _SIGNS.items():
            stretch = _stretch(layers, sign)
            if stretch is not None:
                yield _told(stretch, kind, route)
        yield from _recurrent(layers)


def _layers(looks: Sequence[StepHealth], route: Route) -> list[_Layer]:
    """In forward order; a look at which one of them is not to be seen counts for none."""
    measured = [{p.path: p for p in look.parameters} for look in looks]
    found: dict[str, _Layer] = {}
    for place in route.places:
        rows = [row[place.path] for row in measured if place.path in row]
        if len(rows) < len(looks) or not rows[0].matrix:
            continue
        norms = [row.gradient if row.before is None else row.before for row in rows]
        if any(norm is None for norm in norms) or not any(norms):
            continue
        known = tuple(norm or TINY for norm in norms)
        root = math.sqrt(max(rows[0].elements, 1))
        layer = _Layer(place, known, tuple(norm / root for norm in known))
        held = found.get(place.layer or place.path)
        if held is None or median(held.norms) < median(known):
            found[place.layer or place.path] = layer
    return list(found.values())


def _stretch(layers: Sequence[_Layer], sign: int) -> Sequence[_Layer] | None:
    """The longest run of layers whose gradients fall (rise, for ``sign`` -1) on the way back from the loss."""
    steps = [sign * _log(ahead, layer) for layer, ahead in pairwise(layers)]
    best: Sequence[_Layer] = ()
    start = 0
    for end in range(len(steps) + 1):
        if end == len(steps) or steps[end] < -math.log(AGAINST):
            if end - start + 1 > len(best):
                best = layers[start : end + 1]
            start = end + 1
    return best if len(best) >= FEWEST_LAYERS and _is_steep(best, sign) else None


def _is_steep(stretch: Sequence[_Layer], sign: int) -> bool:
    usual = median(sign * _log(ahead, layer) for layer, ahead in pairwise(stretch))
    first, last = stretch[0], stretch[-1]
    totals = [
        min((b / a) ** sign, (d / c) ** sign)
        for a, b, c, d in zip(first.norms, last.norms, first.means, last.means, strict=True)
    ]
    return usual >= math.log(FACTOR) and _mostly([total >= TOTAL for total in totals])


def _mostly(held: Sequence[bool]) -> bool:
    return held[-1] and sum(held) >= MOSTLY * len(held)


def _log(ahead: _Layer, layer: _Layer) -> float:
    """By how much a layer gets less than the one ahead of it, at a usual look."""
    return median(math.log(b) - math.log(a) for a, b in zip(layer.norms, ahead.norms, strict=True))


def _told(stretch: Sequence[_Layer], kind: Kind, route: Route) -> Slope:
    first, last = stretch[0], stretch[-1]
    low, high = median(first.norms), median(last.norms)
    factor = math.exp(abs(_log(last, first)) / (len(stretch) - 1))
    verb, turn = ("vanish", "falls") if kind == "vanishing" else ("explode", "rises")
    text = (
        f"gradients {verb} on the way back from `{last.place.path}` to `{first.place.path}`: "
        f"over {len(stretch)} layers the norm {turn} by a factor of {factor:.2g} a layer, from {high:.2g} to {low:.2g}"
    )
    where = last.place.where or last.place.made
    if kind == "vanishing":
        order = [p.path for p in route.places]
        begin, end = order.index(first.place.path), order.index(last.place.path)
        between = [s for s in route.squashes if begin < s.after <= end]
        if len(between) >= (len(stretch) - 1) / 2:
            name = max((s.name for s in between), key=[s.name for s in between].count)
            text += f"; {sum(s.name == name for s in between)} times a {name} lies between"
            where = next((s.where for s in between if s.name == name), None) or where
    return Slope(kind, text, tuple(layer.place.path for layer in stretch), where)


def _recurrent(layers: Sequence[_Layer]) -> Iterator[Slope]:
    """A layer that is run over and over in one pass and gets far more than the one that follows it."""
    for layer, ahead in pairwise(layers):
        if not _is_recurrent(layer.place) or _is_recurrent(ahead.place):
            continue
        pairs = zip(layer.norms, ahead.norms, layer.means, ahead.means, strict=True)
        if _mostly([min(a / b, c / d) >= RECURRENT for a, b, c, d in pairs]):
            text = (
                f"gradients explode in `{layer.place.path}`, which runs over and over in one pass: their norm is "
                f"{median(layer.norms):.2g}, and {median(ahead.norms):.2g} in `{ahead.place.path}` behind it"
            )
            yield Slope("exploding", text, (layer.place.path,), layer.place.where or layer.place.made)


def _is_recurrent(place: Place) -> bool:
    name = place.op.lower()
    return place.reads >= FEWEST_TURNS or any(word in name for word in ("rnn", "lstm", "gru", "scan", "while"))
