"""Words: what is said of one way in which a gradient is lost."""

from __future__ import annotations

from dataclasses import dataclass

from whygrad.causes.cause import Explanation, code_of
from whygrad.finding import Fix, Label, Proof, Severity, Step
from whygrad.span import Span


@dataclass(frozen=True, slots=True)
class Words:
    """A row of a table of ways; ``{code}`` is the text of the place, ``{detail}`` what else is known of it.

    Attributes:
        reason: as in ``Explanation``.
        label: what is wrong at the place itself; ``again``: at the next of the same kind.
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
    again: str = "and it is cut here as well"


def explained(
    words: Words, place: Span | None, chain: tuple[Step, ...], *more: Label, detail: str = "", fix: Fix | None = None
) -> Explanation:
    """The explanation that these words make at a place.

    Args:
        more: labels behind that of the place itself.
        fix: a better cure than the words' own.
    """
    filled = {"code": code_of(place), "detail": detail}
    own = (Label(place, words.label.format(**filled)),) if place is not None else ()
    return Explanation(
        words.reason.format(**filled),
        place,
        (*own, *more),
        chain,
        fix=fix if fix is not None else Fix(words.fix.format(**filled)),
        wrong_cures=(words.wrong_cure,) if words.wrong_cure else (),
        proof=Proof("structural", True, words.proof),
        severity=words.severity,
    )
