"""Places that ask, and the requests of one step."""

from __future__ import annotations

from whygrad.asking import Site, Step


def test_a_place_begins_unseen_and_a_step_empty() -> None:
    site, step = Site("R1", "grad"), Step()
    assert (site.count, site.recorded, site.counts.total, site.where) == (0, 0, 0, None)
    step.sites.add("a")
    step.got.update(["w", "w"])
    assert step.got["w"] == 2
    assert Step().sites == set()
    assert not Step().got
