"""What a course of looks says: remarks, each with its reason, and none where the numbers are only unusual."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from whygrad.span import Span
from whygrad.watching.course import Course
from whygrad.watching.health import ParameterHealth, Route, StepHealth, layer_of
from whygrad.watching.slope import MOSTLY, slopes

# Fewer looks say nothing about a run.
FEWEST_LOOKS = 3
# Clipping that makes the gradients this much smaller at each step is more than a safeguard.
HARD_CLIPPING = 10.0
# A total norm this much above what it was before is a jump.
JUMP = 1e3
# A step that moves a matrix by this many times its norm.
LEAP = 10.0

Kind = Literal["vanishing", "exploding", "clipping", "zero", "nonfinite", "absent", "standing", "skipped"]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a run that its reader should know.

    Attributes:
        cause: the id of the cause of findings that is about the same fault; ``""`` where there is none.
        warns: it is likely to be a mistake, and not only a fact.
        text: one sentence, lower case, no full stop.
        paths: the parameters that it is about.
        where: the line that explains it.
    """

    kind: Kind
    optimizer: str
    text: str
    warns: bool = True
    cause: str = ""
    paths: tuple[str, ...] = ()
    where: Span | None = None


def judge(optimizer: str, course: Course, routes: Sequence[Route]) -> tuple[Remark, ...]:
    """Everything there is to say about one optimizer."""
    found = [
        *_nonfinite(optimizer, course, routes),
        *_skipped(optimizer, course),
        *_clipping(optimizer, course),
    ]
    if len(course.kept) >= FEWEST_LOOKS:
        found += [Remark(s.kind, optimizer, s.text, paths=s.paths, where=s.where) for s in slopes(course.kept, routes)]
        found += _jump(optimizer, course)
        # That what vanishes moves nothing needs no second remark.
        known = {layer_of(path) for each in found if each.kind == "vanishing" for path in each.paths}
        found += _mostly(optimizer, course, routes, known)
    return (*_leap(optimizer, course, found), *found)


def place_of(path: str, routes: Sequence[Route]) -> Span | None:
    """The line that reads a parameter first."""
    places = (p for route in routes for p in route.places if p.path == path)
    return next((p.where or p.made for p in places), None)


def _nonfinite(optimizer: str, course: Course, routes: Sequence[Route]) -> Iterator[Remark]:
    if not course.nonfinite:
        return
    first = min(course.nonfinite.values())
    paths = tuple(path for path, step in course.nonfinite.items() if step == first)
    often = max(course.nonfinite_steps.values())
    text = (
        f"{named(paths)}: gradients with elements that are not finite, first seen at step {first}, "
        f"at {often} of {course.looks} steps looked at"
    )
    yield Remark("nonfinite", optimizer, text, True, "nonfinite-gradient", paths, place_of(paths[0], routes))


def _skipped(optimizer: str, course: Course) -> Iterator[Remark]:
    if course.skipped and course.steps <= course.skipped:
        text = f"loss scaling left out {course.skipped} steps and let {course.steps} pass"
        yield Remark("skipped", optimizer, text, True, "not-updated")


def _clipping(optimizer: str, course: Course) -> Iterator[Remark]:
    if course.unclipped or course.clipped < FEWEST_LOOKS:
        return
    seen = [s.clipping for s in course.kept if s.clipping is not None and s.clipping.acts]
    what = {"total": "the total norm", "each": "the norm of each parameter", "value": "each value"}[seen[-1].how]
    text = f"clipping acts at each of {course.clipped} steps looked at: it bounds {what} by {seen[-1].bound:g}"
    known = [(c.before, c.before / c.after) for c in seen if c.before is not None and c.after]
    factor = median(factor for _, factor in known) if known else 1.0
    if known:
        text += f", the total norm is {median(before for before, _ in known):.2g} before it and falls {factor:.3g}-fold"
    if seen[-1].early:
        text += "; it comes before the loss scale is divided out (`unscale_`), so it bounds scaled gradients"
    yield Remark("clipping", optimizer, text, warns=factor >= HARD_CLIPPING or seen[-1].early)


def _jump(optimizer: str, course: Course) -> Iterator[Remark]:
    """A total norm a thousandfold what it was; where it is shrinking again nothing is said."""
    looks = [s for s in course.kept if before_clipping(s)]
    for index in range(FEWEST_LOOKS, len(looks)):
        usual, high = median(before_clipping(s) for s in looks[:index]), before_clipping(looks[index])
        if high >= JUMP * usual > 0 and before_clipping(looks[-1]) >= JUMP * usual:
            text = (
                f"gradients explode: their total norm rises from {usual:.2g} to {high:.2g} "
                f"at step {looks[index].step} and does not come back"
            )
            yield Remark("exploding", optimizer, text)
            return


def before_clipping(step: StepHealth) -> float:
    """The total norm as the backward pass gave it; 0 where it is not known."""
    clipped = step.clipping.before if step.clipping is not None else None
    return clipped if clipped is not None else step.total or 0.0


def _leap(optimizer: str, course: Course, found: Sequence[Remark]) -> Iterator[Remark]:
    """A step that moved a matrix to many times its size, after which its gradients were of no use any more."""
    ruined = {path for each in found if each.kind in ("nonfinite", "zero") for path in each.paths}
    for look in course.kept:
        leaps = [p for p in look.parameters if p.matrix and p.path in ruined and (p.ratio or 0.0) >= LEAP]
        if leaps:
            most = max(leaps, key=lambda p: p.ratio or 0.0)
            text = (
                f"gradients explode: at step {look.step} the norm of all is {before_clipping(look):.2g}, and the step "
                f"moves `{most.path}` by {most.ratio:.2g} times its own norm"
            )
            yield Remark("exploding", optimizer, text, paths=tuple(p.path for p in leaps))
            return


def _mostly(optimizer: str, course: Course, routes: Sequence[Route], known: set[str]) -> Iterator[Remark]:
    """What is so of a parameter at most of the looks, and at the last."""
    looks = [s for s in course.kept if not s.blind]
    if len(looks) < FEWEST_LOOKS:
        return
    for kind, cause, words, share, holds in _OFTEN:
        counts = Counter(p.path for look in looks for p in look.parameters if holds(p))
        now = {p.path for p in looks[-1].parameters if holds(p)}
        often = [path for path, count in counts.items() if path in now and count >= share * len(looks)]
        paths = tuple(path for path in often if layer_of(path) not in known)
        if paths:
            least = min(counts[path] for path in paths)
            text = f"{named(paths)}: {words} at {least} of {len(looks)} steps looked at"
            yield Remark(kind, optimizer, text, True, cause, paths, place_of(paths[0], routes))


def _stands(parameter: ParameterHealth) -> bool:
    return bool(parameter.gradient) and parameter.update == 0 and not parameter.sampled


# What makes a remark, the cause it belongs to, its words, the share of looks at which it must hold, and the test.
_OFTEN: tuple[tuple[Kind, str, str, float, Callable[[ParameterHealth], bool]], ...] = (
    ("absent", "", "no gradient", 1.0, lambda p: p.absent),
    ("zero", "zero-gradient", "a gradient of zeros alone", MOSTLY, lambda p: p.zeros == 1.0),
    (
        "standing",
        "not-updated",
        "a gradient, and no change by the optimizer (lost in rounding, or a rate of 0)",
        1.0,
        _stands,
    ),
)


def named(paths: Sequence[str]) -> str:
    """One or two names, or one and the number of the others."""
    if len(paths) <= 2:
        return " and ".join(f"`{path}`" for path in paths)
    return f"`{paths[0]}` and {len(paths) - 1} more"
