"""What a missing gradient leads to: the exceptions in which a script ends because of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from whygrad.finding import Counts, Finding

# What the optimizers of a framework say when they are handed no gradient at all.
_COMPLAINTS: Mapping[str, tuple[str, ...]] = {
    "tensorflow": (
        "ValueError: No gradients provided for any variable",
        "ValueError: not enough values to unpack (expected 2, got 0)",
    ),
    "torch": ("ValueError: No gradients provided for any variable",),
}
_LONGEST = 70


def named(finding: Finding, framework: str, error: str | None, answered: Counts) -> Finding:
    """The finding, with a note where it is what the script's exception comes from.

    Args:
        error: what the script ended in, as ``Type: message``.
        answered: how the parameters fared in the last request before that; the finding is of this request.
    """
    complaints = _COMPLAINTS.get(framework, ())
    if error is None or not error.startswith(complaints) or answered.with_gradient or finding.severity != "error":
        return finding
    message = error.splitlines()[0]
    short = f"{message[:_LONGEST]} ..." if len(message) > _LONGEST else message
    return replace(finding, notes=(*finding.notes, f"the exception that ended the script comes from this: `{short}`"))
