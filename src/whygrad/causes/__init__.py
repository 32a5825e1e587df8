"""CHAIN: the links of the chain of a learning parameter, in order, with their causes. The whole policy."""

from __future__ import annotations

from collections.abc import Mapping

from whygrad.causes.cause import Cause

# A parameter learns if and only if every link holds. The first broken link explains it, and within a link
# the first cause that recognises its fault.
CHAIN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("asked", ("untracked", "replaced-parameter", "frozen", "wrong-source")),
    ("read", ("not-called",)),
    ("reaching", ("left-framework", "unused-output")),
    (
        "carried",
        (
            "not-watched",
            "recording-off",
            "stop-gradient",
            "state-write",
            "integer-dtype",
            "non-differentiable-op",
            "custom-gradient",
            "no-registered-gradient",
        ),
    ),
    ("alive", ("nonfinite-gradient", "zero-gradient")),
    ("applied", ("not-updated",)),
    ("raised", ("graph-error",)),
)

LINKS: Mapping[str, tuple[str, ...]] = dict(CHAIN)

# `left-framework` is a barrier like the others; a loss that is no tensor at all has no barrier to show, so
# it is asked where reaching is.
CAUSES: Mapping[str, Cause] = {
    id: Cause(id, "carried" if id == "left-framework" else link) for link, ids in CHAIN for id in ids
}
