"""The data that a call of Keras' ``fit`` was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fitting:
    """What a call of ``fit`` was given; it is let go when that returns.

    Attributes:
        arrays: the data; ``batch``: how many rows of it a step takes; ``held_back``: which part is for validation.
        seen: batches that a generator has given; ``kept``: what the recorder made of a dataset.
    """

    arrays: tuple[Any, ...]
    batch: int | None
    seen: list[Any] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    held_back: float = 0.0


def given(arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Fitting:
    """The arguments of ``fit`` (or ``train_on_batch``) that are its data."""
    given: dict[str, Any] = {**dict(zip(("x", "y", "batch_size"), arguments, strict=False)), **keywords}
    size, held_back = given.get("batch_size"), given.get("validation_split")
    arrays = tuple(given.get(name) for name in ("x", "y", "sample_weight"))
    part = held_back if isinstance(held_back, float) else 0.0
    return Fitting(arrays, size if isinstance(size, int) else None, held_back=part)
