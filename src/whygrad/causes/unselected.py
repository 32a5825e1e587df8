"""Fields of a module that look like parameters, and that no filter of Equinox takes for one."""

from __future__ import annotations

from collections.abc import Mapping

from whygrad.causes.cause import Case, Explanation
from whygrad.causes.words import Words, explained
from whygrad.finding import Step
from whygrad.graph import Parameter

# By how the recorder says that a field was left out.
_WORDS: Mapping[str, Words] = {
    "static": Words(
        "it is a static field of its module, and Equinox takes no static field for a parameter",
        "declared static here, and it holds an array",
        "leave `static=True` away: what is to learn must be a leaf of the module",
        "a gradient would reach it, and the filter leaves it out",
        "warning",
    ),
    "no array": Words(
        "it holds a Python number where its class declares an array, and Equinox takes arrays alone for parameters",
        "a Python number is put here",
        "make it an array: `jnp.array(...)`",
        "the filter leaves it out, and its class says that it is an array",
        "warning",
    ),
}


def is_unselected(parameter: Parameter) -> bool:
    """Whether the recorder says why a filter left it out."""
    return any(event.kind == "made" and event.detail in _WORDS for event in parameter.history)


def unselected(case: Case) -> Explanation | None:
    """An array that the loss does not read is left alone; how a number is used is not seen."""
    parameter = case.parameter
    kind = next(event.detail for event in parameter.history if event.detail in _WORDS)
    if kind == "static" and not case.flow.alive(parameter):
        return None
    made = parameter.made()
    return explained(_WORDS[kind], made, (Step("parameter", parameter.name, made), Step("loss", "loss")))
