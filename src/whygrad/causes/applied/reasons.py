"""REASONS: why a gradient that is there moves nothing; recorders name the reason in a parameter's history."""

from __future__ import annotations

from collections.abc import Mapping

from whygrad.causes.applied.left_out import left_behind, left_out, unheld
from whygrad.causes.applied.let_go import begun_again, captured, edited, given_again, let_go, let_go_beside, rebound
from whygrad.causes.applied.plain import plain, slowed
from whygrad.causes.applied.plain_words import PLAIN
from whygrad.causes.applied.statistics import statistics
from whygrad.causes.applied.unapplied import Way
from whygrad.causes.applied.unreached import never_applied, never_reached, no_backward, no_step

# Those by which nobody ever asked for the gradient, so that there is none to be applied.
UNASKED = frozenset(("no backward", "another's backward", "statistics"))

REASONS: Mapping[str, Way] = {
    **dict.fromkeys(PLAIN, plain),
    "rate of a group": slowed,
    "no step": no_step,
    "no backward": no_backward,
    "never applied": never_applied,
    "never reached": never_reached,
    # New parameters that are made and then dropped, which moves nothing.
    "dropped": let_go,
    "dropped, others read": let_go_beside,
    "given again": given_again,
    "begun again": begun_again,
    "captured": captured,
    "rebound": rebound,
    "taken to arrays": edited,
    "statistics": statistics,
    # What no optimizer is given, which may be meant.
    "no optimizer": unheld,
    "left out": left_out,
    "left behind": left_behind,
}
