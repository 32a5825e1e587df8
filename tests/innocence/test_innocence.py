"""whygrad changes nothing of a healthy program, and finds nothing in it; ``make innocence`` runs the whole zoo."""

from __future__ import annotations

from pathlib import Path

import pytest

from innocence.comparing import MOST_MEMORY, compared, programs

INSIDE = ("torch_experts", "jax_recurrent")  # what `make test` runs of it


@pytest.mark.slow
@pytest.mark.parametrize("program", [each for each in programs() if each.stem in INSIDE], ids=lambda each: each.stem)
def test_nothing_is_changed_and_nothing_found(program: Path) -> None:
    result = compared(program)
    assert result.differences == ()
    assert result.findings == ()
    assert result.memory <= MOST_MEMORY
