"""Objects are known for as long as they live."""

from __future__ import annotations

import gc

from whygrad.recorders.torch.identity import ByIdentity


class Alike:
    """Equal to all of its kind, and without a hash."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alike)


def test_what_is_equal_is_not_the_same() -> None:
    one, other = Alike(), Alike()
    known: ByIdentity[int] = ByIdentity()
    known[one] = 1
    known[one] = 2
    assert (known.get(one, 0), known.get(other, 0)) == (2, 0)
    assert known.values() == [2]
    assert [found is one for found in known] == [True]


def test_what_is_gone_is_not_known() -> None:
    one = Alike()
    known: ByIdentity[int] = ByIdentity()
    known[one] = 1
    del one
    gc.collect()
    assert not known
    assert known.values() == []
