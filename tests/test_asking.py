"""Places that ask, and the requests of one step."""

from __future__ import annotations

from whygrad.asking import Rounds, Site, Step


def test_a_place_begins_unseen_and_a_step_empty() -> None:
    site, step = Site("R1", "grad"), Step()
    assert (site.count, site.recorded, site.counts.total, site.where) == (0, 0, 0, None)
    step.sites.add("a")
    step.got.update(["w", "w"])
    assert step.got["w"] == 2
    assert Step().sites == set()
    assert not Step().got


def test_of_several_compiled_steps_the_one_that_ran_most_counts() -> None:
    rounds = Rounds()
    assert [rounds.is_longest(function) for function in "abbabba"] == [True, False, True, False, True, True, False]
