"""RECORDERS: which recorder listens to which framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A recorder, imported on first use.

    Attributes:
        module, factory: where its class is.
        also: modules whose import the recorder wants to hear of (method ``<name>_imported``).
    """

    module: str
    factory: str
    also: tuple[tuple[str, str], ...] = ()


RECORDERS: Mapping[str, Entry] = {
    "tensorflow": Entry(
        "whygrad.recorders.tensorflow",
        "TensorFlow",
        (("keras", "keras_imported"), ("tf_keras", "keras_imported")),
    ),
    "torch": Entry("whygrad.recorders.torch", "Torch", (("keras", "keras_imported"),)),
    "jax": Entry(
        "whygrad.recorders.jax",
        "Jax",
        (
            ("flax.nnx", "nnx_imported"),
            ("flax.linen", "linen_imported"),
            ("optax", "updates_imported"),
            ("equinox", "updates_imported"),
            ("keras", "keras_imported"),
        ),
    ),
}
