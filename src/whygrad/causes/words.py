"""Words: what is said of one way in which a gradient is lost."""

from __future__ import annotations

from dataclasses import dataclass

from whygrad.causes.cause import Explanation, code_of
from whygrad.finding import Fix, Label, Proof, Severity, Step
from whygrad.span import Span


@dataclass(frozen=True, slots=True)
class Words:
    """A row of a table of ways; ``{code}`` is the text of the place.

    Attributes:
        reason: as in ``Explanation``.
        label: what is wrong at the place itself.
        fix: what to change.
        proof: why it is to be believed.
        wrong_cure: a popular one that does not help.
    """

    reason: str
    label: str
    fix: str
    proof: str = ""
    severity: Severity = "error"
    wrong_cure: str = ""


def explained(words: Words, place: Span | None, chain: tuple[Step, ...], *more: Label) -> Explanation:
    """The explanation that these words make at a place, with further labels behind that of the place."""
    own = (Label(place, words.label),) if place is not None else ()
    return Explanation(
        words.reason.format(code=code_of(place)),
        place,
        (*own, *more),
        chain,
        fix=Fix(words.fix),
        wrong_cures=(words.wrong_cure,) if words.wrong_cure else (),
        proof=Proof("structural", True, words.proof),
        severity=words.severity,
    )
