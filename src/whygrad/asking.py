"""Who asks for gradients: the places in the script, and what was asked in one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field

from whygrad.finding import Counts
from whygrad.graph import GradientSeen, Graph
from whygrad.span import Span


@dataclass(slots=True)
class Site:
    """One place in the script that asks for gradients.

    Attributes:
        answers: what came back last for each path: one line may ask for one layer, or one model, after the other.
    """

    id: str
    api: str
    where: Span | None = None
    count: int = 0
    recorded: int = 0
    answers: dict[str, GradientSeen] = field(default_factory=dict)

    @property
    def counts(self) -> Counts:
        none = sum(seen == "none" for seen in self.answers.values())
        return Counts(len(self.answers), len(self.answers) - none, none)


@dataclass(slots=True)
class Step:
    """The requests since the last time that one of their places came round again.

    Attributes:
        got: how often each path got a gradient; ``inner``: in requests within another's recording, which serve what
            no ``outer`` one asks for (an inner loop of meta-learning trains nothing by itself).
        reached: those that some request gave zeros, or what nobody could look at: it has a way to their loss.
        broken: those that some request gave what is not finite.
    """

    sites: set[Hashable] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)
    got: Counter[str] = field(default_factory=Counter)
    inner: Counter[str] = field(default_factory=Counter)
    unknown: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    traced: set[str] = field(default_factory=set)
    graphs: list[tuple[Site | None, Graph]] = field(default_factory=list)


class Rounds:
    """How often compiled training steps have come round: several of them may make one step of a loop."""

    def __init__(self) -> None:
        self._of: Counter[Hashable] = Counter()
        self._most = 0

    def is_longest(self, function: Hashable) -> bool:
        """Whether this time no other has come round as often."""
        self._of[function] += 1
        longest = self._of[function] > self._most
        self._most += longest
        return longest
