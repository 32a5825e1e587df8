"""Gradients that exist and are not applied, judged at the end of a run.

Only facts that hold for a whole run are told, of variables that never moved: an optimizer that is handed zeros in place
of the gradients that were asked for, one whose learning rate is 0 at every step, variables that a request asks for
beside others, which an optimizer takes while these are given to nobody, what the script or a constraint puts back,
new values that go to a tensor and not to the variable, and what an optimizer takes and leaves as it was; and, where an
optimizer waits for them, gradients that no optimizer is ever handed. One fact is told wherever it is seen: gradients
that are handed over for other variables of their request. An update that stands in a branch is told where its optimizer
has made no step at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from whygrad.graph import Event, Graph, Parameter
from whygrad.recorders import frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.tensorflow.updates import FEWEST_STEPS, Asked, Held, Updates, constraint_of, moved, read

FEWEST_ZEROS = 2
# Steps that all begin with the same values, of which the last one stays, may be as many trials.
_TRIALS = 5
# After so many steps of another optimizer one that was to begin later has begun.
_LATE = 20
# What Keras 3 says of no gradients and no variables.
NO_PAIRS = "not enough values to unpack (expected 2, got 0)"
# What Keras 3 and tf_keras say of a variable that an optimizer was not built for.
_UNKNOWN = ("Unknown variable", "cannot recognize variable")
Spans = Callable[[frames.Stack], tuple[Any, ...]]


def unapplied(
    updates: Updates,
    spans: Spans,
    graphs: Mapping[Hashable, Graph],
    layers: Mapping[Any, frames.Stack],
    rounds: int,
    whole: bool,
) -> Iterator[Graph]:
    """For each reason a Graph that says so.

    Args:
        spans: makes places of a captured stack.
        graphs: the first Graph of each place that asked for gradients.
        layers: the layers and models that live, and where they were made.
        rounds: how often a compiled function with requests has run, up to some number.
        whole: whether every step of the run was recorded.
    """
    for held in updates.optimizers:
        detail = ""
        if held.steps >= FEWEST_ZEROS and held.zeros and not held.useful:
            detail = "handed zeros"
        elif not held.rate and _steps_of(held) >= FEWEST_STEPS:
            detail = "rate"
        asked = [a for n, a in updates.requested.items() if detail and n in held.numbers and not moved(a)]
        scheduled = held.place if held.place[:1] != held.stack[:1] else ()  # else the schedule is Keras' own
        place = scheduled or held.made if detail == "rate" else ()
        yield from _graph(asked, "zeroed" if detail == "handed zeros" else "kept", detail, place or held.stack, spans)
    yield from swapped(updates, spans)
    yield from _lent(updates, spans)
    yield from _constrained(updates, spans, layers)
    yield from _left_out(updates, spans, graphs)
    yield from _lost(updates, spans, whole)
    yield from _unchanged(updates, spans)
    yield from _never(updates, spans, layers)
    if rounds >= FEWEST_STEPS:
        yield from _unreached(updates, spans)


def _constrained(updates: Updates, spans: Spans, layers: Mapping[Any, frames.Stack]) -> Iterator[Graph]:
    """What optimizers changed and a constraint put back, told where its layer was made.

    A single number that stands at the limit of its constraint may be meant, such as a multiplier that is 0.
    """
    for held in updates.optimizers:
        taken = [a for n, a in updates.requested.items() if n in held.numbers and held.rate and held.useful]
        still = [a for a in taken if constraint_of(a.variable()) is not None and _is_held(a)]
        for asked in still if any(math.prod(d or 1 for d in a.source.shape or ()) > 1 for a in still) else ():
            variable = asked.variable()
            made = [(len(layer.weights), at) for layer, at in layers.items() if _holds(layer, variable)]
            yield from _graph([asked], "kept", "constrained", min(made)[1] if made else held.stack, spans)


def _is_held(asked: Asked) -> bool:
    return asked.times >= FEWEST_STEPS and not moved(asked)


def _holds(layer: Any, variable: Any) -> bool:
    try:
        return any(one is variable for one in layer.weights)
    except (AttributeError, ValueError):  # what was never built has none
        return False


def swapped(updates: Updates, spans: Spans) -> Iterator[Graph]:
    """Variables that optimizers get the gradients of others for, and never their own; one may have raised for that."""
    for held in updates.optimizers:
        asked = [a for n, a in updates.requested.items() if n in held.swapped - updates.pairing.matched]
        yield from _graph(asked, "kept", "swapped", held.stack, spans)


def _lent(updates: Updates, spans: Spans) -> Iterator[Graph]:
    """What stays as it is while its gradients move variables that nobody asks for; a copy that is adapted does not."""
    still = [a for n, a in updates.requested.items() if n in updates.pairing.lent - updates.pairing.matched]
    still = [a for a in still if a.times >= FEWEST_STEPS and a.variable() is not None and not moved(a)]
    takers = [held for held in updates.optimizers if held.numbers.isdisjoint(updates.requested)]
    if still and len(takers) == 1:
        yield from _graph(still, "kept", "swapped", takers[0].stack, spans)


def refused(updates: Updates, spans: Spans, error: str) -> Iterator[Graph]:
    """What an optimizer was handed and was not built for, where the script ended in an error of that."""
    for held in updates.optimizers if any(words in error for words in _UNKNOWN) else ():
        numbers, stack, takes_any = held.refused
        asked = [a for n in numbers if (a := updates.requested.get(n)) is not None]
        built = spans(held.stack)
        detail = "refused" if takes_any else "refused, built for nothing"
        yield from _graph(asked, "kept", detail, stack, spans, Event("updated", built[0] if built else None))


def _left_out(updates: Updates, spans: Spans, graphs: Mapping[Hashable, Graph]) -> Iterator[Graph]:
    """The variables that an optimizer leaves out, in the Graph of the request that asked for them."""
    handed = {n for held in updates.optimizers for n in held.numbers | held.swapped}
    for held in updates.optimizers:
        sites = {a.site for n, a in updates.requested.items() if n in held.numbers and moved(a)}
        for site in sites & graphs.keys():
            left = {n: a for n, a in updates.requested.items() if a.site == site and _is_left(n, a, handed)}
            handed |= left.keys()  # told once
            place = spans(held.stack)
            event = Event("kept", place[0] if place else None, "left out")
            paths = {a.source.path for a in left.values()}
            parameters = tuple(
                replace(p, gradient="present", history=(*p.history, event)) if p.path in paths else p
                for p in graphs[site].parameters
            )
            if paths:
                yield replace(graphs[site], parameters=parameters, ended=True)


def _lost(updates: Updates, spans: Spans, whole: bool) -> Iterator[Graph]:
    """What an optimizer changed and the script put back, and what the script computed and never assigned."""
    handed = {n for held in updates.optimizers for n in held.numbers}
    found: dict[tuple[str, frames.Stack], list[Asked]] = {}
    for number, asked in updates.requested.items():
        if (
            asked.writer
            and min(asked.kept, asked.shifted) >= FEWEST_STEPS
            and (not moved(asked) or (whole and asked.kept >= _TRIALS))
        ):
            found.setdefault(("undone", asked.writer), []).append(asked)
        elif asked.copied and (_is_unwritten(asked) or (number not in handed and not moved(asked))):
            found.setdefault(("copied", asked.copied), []).append(asked)
        elif asked.departed and number not in handed and _is_still(asked):
            found.setdefault(("taken to arrays", asked.departed), []).append(asked)
    for (detail, place), lost in found.items():
        yield from _graph(lost, "kept", detail, place, spans)


def _unchanged(updates: Updates, spans: Spans) -> Iterator[Graph]:
    """What an optimizer was handed again and again, at a rate that is not 0, without any of it ever moving."""
    inside = updates.inside()
    for held in updates.optimizers:
        taken = [a for n, a in updates.requested.items() if n in held.numbers]
        stepped = held.useful and held.rate and held.steps >= FEWEST_STEPS
        if held.waits or id(held.optimizer()) in inside or not stepped:
            continue
        if all(_is_unchanged(a) for a in taken):
            yield from _graph(taken, "kept", "unchanged", held.stack, spans)


def _is_unchanged(asked: Asked) -> bool:
    """Whether nothing ever moved a variable, and nothing says why."""
    plain = not asked.copied and not asked.shifted and constraint_of(asked.variable()) is None
    eager = asked.times == asked.kept + 1  # of each step its gradient was seen, and it was not zero
    return plain and (_is_unwritten(asked) or (eager and _is_still(asked)))


def _is_unwritten(asked: Asked) -> bool:
    """Whether no traced update can write to a variable, and nothing else did; it may be gone at the end of the run."""
    return asked.unwritten and (asked.variable() is None or not moved(asked))


def _never(updates: Updates, spans: Spans, layers: Collection[Any]) -> Iterator[Graph]:
    """What was asked for again and again and moved by nothing, beside an optimizer that never got anything."""
    updates.seen(list(layers))
    asked = list(updates.requested.values())
    if updates.waiting and not updates.optimizers and asked and all(_is_still(a) for a in asked):
        yield from _graph(asked, "kept", "never applied", asked[0].stack, spans)


def _unreached(updates: Updates, spans: Spans) -> Iterator[Graph]:
    """What only a branch hands to an optimizer that never makes a step, or is gone; another one may begin before it."""
    steps = {held.stack: _iterations(held) for held in updates.optimizers}
    inside = updates.inside()
    for held in updates.optimizers:
        if not held.branched or steps[held.stack] or id(held.optimizer()) in inside:
            continue
        asked = [a for n, a in updates.requested.items() if n in held.numbers and not a.branched]
        others = [1 if done is None else done for stack, done in steps.items() if stack != held.stack]
        if all(a.variable() is not None and not moved(a) for a in asked) and not 0 < max(others, default=0) < _LATE:
            yield from _graph(asked, "kept", "never reached", held.stack, spans)


def _iterations(held: Held) -> int | None:
    """How many steps an optimizer has made; ``None`` where that can not be told."""
    done = read(getattr(held.optimizer(), "iterations", None))
    return None if done is None else int(done)


def _is_still(asked: Asked) -> bool:
    """Whether nothing moved a variable at any of several steps; it may be gone at the end of the run."""
    unmoved = asked.kept >= FEWEST_STEPS - 1 if asked.variable() is None else not moved(asked)
    return unmoved and asked.times >= FEWEST_STEPS and not asked.copied


def _is_left(number: int, asked: Asked, handed: set[int]) -> bool:
    return number not in handed and _is_still(asked)


def _steps_of(held: Held) -> int:
    """How many steps an optimizer made with a learning rate of 0; those of a traced one are its own count."""
    if held.compiled is None:
        return len(held.still)
    return _iterations(held) or 0 if held.compiled() == "zero" else 0


def _graph(
    asked: Sequence[Asked],
    kind: Any,
    detail: str,
    stack: frames.Stack,
    spans: Spans,
    *before: Event,
) -> Iterator[Graph]:
    place = spans(stack)
    parameters = [
        Parameter(
            a.source.path,
            a.source.shape,
            a.source.dtype,
            gradient="present",
            history=(*before, Event(kind, place[0] if place else None, detail)),
        )
        for a in asked
    ]
    if parameters:
        builder = GraphBuilder("tensorflow", "tf.GradientTape.gradient")
        yield builder.graph((), parameters, spans(asked[0].stack))
