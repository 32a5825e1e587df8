"""Gradients read off an optimizer's own state: inside of a compiled step they are nowhere else to be seen.

A moving average that was ``m`` and is ``n`` after a step took in ``(n - b m) / (1 - b)``: what the optimizer was given,
behind its own clipping. Of optimizers without such an average nothing is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from whygrad.recorders.arrays import difference
from whygrad.watching.health import Gradient

Formula = Callable[[Any, Any, Any], Any]


def _average(rate: str) -> Formula:
    def given(optimizer: Any, old: Any, new: Any) -> Any:
        beta = float(getattr(optimizer, rate))
        return (new - beta * old) / (1 - beta)

    return given


def _momentum(optimizer: Any, old: Any, new: Any) -> Any:
    """Keras' SGD: ``n = momentum * m - rate * g``."""
    rate = optimizer.learning_rate
    rate = float(rate.numpy() if hasattr(rate, "numpy") else rate)
    return (float(optimizer.momentum) * old - new) / rate if rate else None


def _square(optimizer: Any, old: Any, new: Any) -> Any:
    """An average of squares shows how large the elements are, and not their signs."""
    import numpy

    rho = float(optimizer.rho)
    return numpy.sqrt(numpy.maximum(new - rho * old, 0) / (1 - rho))


# By the name of the optimizer's class: the attributes that may hold the state, and what to make of it.
STATES: dict[str, tuple[tuple[str, ...], Formula]] = {
    "Adam": (("_momentums",), _average("beta_1")),
    "AdamW": (("_momentums",), _average("beta_1")),
    "Adamax": (("_m",), _average("beta_1")),
    "Nadam": (("_momentums",), _average("beta_1")),
    "Lamb": (("_momentums",), _average("beta_1")),
    "Lion": (("_momentums", "momentums"), _average("beta_2")),
    "RMSprop": (("_velocities",), _square),
    "SGD": (("momentums",), _momentum),
}
HOMES = ("keras.", "tf_keras.")


def state_of(optimizer: Any) -> tuple[Sequence[Any], Formula] | None:
    """The variables that hold the state, one for each parameter, and how to read it; ``None`` where there are none."""
    cls = type(optimizer)
    attributes, formula = STATES.get(cls.__name__, ((), None))
    if formula is None or not cls.__module__.startswith(HOMES):
        return None
    found = next((held for name in attributes if (held := getattr(optimizer, name, None))), None)
    return (found, formula) if found else None


def gradient_of(optimizer: Any, formula: Formula, old: Any, new: Any, factor: float) -> Gradient | None:
    """What a gradient was worth, from samples of the state before and after.

    Args:
        factor: by what a norm of the samples is to be multiplied.
    """
    given = formula(optimizer, old, new)
    return None if given is None else difference(given, old, new, factor)
