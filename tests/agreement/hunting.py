"""Draws programs, runs them, counts what is wrong, and shrinks the first failure of each sort."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Flaky

from agreement.grammar import Program, programs
from agreement.judging import Complaint, judge
from agreement.runner import observe
from agreement.writing import Script, write

Sort = tuple[str, str]
Found = Callable[[Sort, str, list[Complaint]], None]


@dataclass(frozen=True, slots=True)
class Searched:
    """What a hunt looks through.

    Attributes:
        dialect: a module of ``agreement.dialects``.
        shrink: look for the smallest program that fails in the same way.
        again: of how many programs one is run twice under whygrad.
    """

    framework: str
    dialect: Any
    shrink: bool
    again: int


@dataclass(slots=True)
class Hunt:
    """The tally of one hunt.

    Attributes:
        counts: programs, those run twice under whygrad, parameters, and the programs with complaints of each kind.
        sorts: how many programs have failed in each way.
    """

    counts: Counter[str] = field(default_factory=Counter)
    sorts: Counter[Sort] = field(default_factory=Counter)


class Wrong(AssertionError):
    """A program of which something is wrong that has not been seen before."""


def hunt(searched: Searched, number: int, start: int, told: Callable[[Hunt], None], found: Found) -> Hunt:
    """Run ``number`` programs; each new sort of failure is shrunk, then the hunt goes on from another seed.

    Args:
        told: hears the tally after every program.
        found: hears each sort of failure, with the text of its smallest program.
    """
    tally, known = Hunt(), set[Sort]()
    turn = 0
    while tally.counts["programs"] < number:
        _turn(searched, number - tally.counts["programs"], start * 1000 + turn, tally, known, told, found)
        turn += 1
    return tally


def _turn(
    searched: Searched,
    number: int,
    start: int,
    tally: Hunt,
    known: set[Sort],
    told: Callable[[Hunt], None],
    found: Found,
) -> None:
    """Run programs until one fails in a way that is not known, and shrink that one."""
    smallest: dict[Sort, tuple[Script, list[Complaint]]] = {}

    def one(program: Program) -> None:
        script = write(searched.dialect, program)
        seen = observe(searched.framework, script.text, bool(smallest) or not tally.counts["programs"] % searched.again)
        wrong = judge(searched.dialect, program, script, seen)
        sorts = {(c.kind, c.detail) for c in wrong}
        if not smallest:  # while shrinking, nothing is counted twice
            tally.counts["programs"] += 1
            tally.counts["twice"] += seen.again is not None
            tally.counts["parameters"] += len(seen.plain.facts.verdicts) if seen.plain.facts else 0
            tally.counts.update({kind for kind, _ in sorts})
            tally.sorts.update(sorts)
            told(tally)
        new = sorted(sorts - known)
        if smallest:
            new = [sort for sort in smallest if sort in sorts]
        for sort in new:
            if searched.shrink:
                smallest[sort] = (script, wrong)
                raise Wrong(sort)
            known.add(sort)
            found(sort, script.text, wrong)

    _drive(one, searched.dialect, number, start, searched.shrink)
    for sort, (script, wrong) in smallest.items():
        known.add(sort)
        found(sort, script.text, wrong)


def _drive(one: Callable[[Program], None], dialect: Any, number: int, start: int, shrink: bool) -> None:
    test = seed(start)(
        settings(
            max_examples=number,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,  # a worker's standard output is its tally
        )(given(programs(dialect))(one))
    )
    with warnings.catch_warnings(), suppress(Wrong, Flaky):
        warnings.simplefilter("ignore")
        test()
