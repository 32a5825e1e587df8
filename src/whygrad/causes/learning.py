"""Which parameters of a request learn, and what is computed with them."""

from __future__ import annotations

from whygrad.causes.once import once
from whygrad.flow import Flow
from whygrad.graph import NOWHERE, Parameter


@once
def weights(flow: Flow) -> frozenset[int]:
    """The values that stand for parameters."""
    return frozenset(p.value for p in flow.graph.parameters if p.value != NOWHERE)


@once
def trained(flow: Flow) -> tuple[Parameter, ...]:
    """The parameters that are asked for, and that a gradient reaches."""
    return tuple(p for p in flow.graph.parameters if p.asked and flow.alive(p))


@once
def values_trained(flow: Flow) -> frozenset[int]:
    """The values that stand for those."""
    return frozenset(p.value for p in trained(flow))


@once
def unasked(flow: Flow, asked: frozenset[str]) -> tuple[Parameter, ...]:
    """The parameters that a gradient reaches, and that nobody asks for.

    Args:
        asked: paths of the parameters that some request of the same step asks for.
    """
    return tuple(p for p in flow.graph.parameters if not p.asked and p.path not in asked and flow.alive(p))


@once
def computed_with(flow: Flow, values: frozenset[int]) -> frozenset[int]:
    """What carries the gradient of some of these parameters, without the parameters themselves."""
    return frozenset(flow.forward(values, barriers=False)) - weights(flow)


def model_is_trained(flow: Flow, parameter: Parameter) -> bool:
    """Whether the request trains the model that holds a parameter."""
    return root_of(parameter.holder) in _roots_asked(flow)


@once
def _roots_asked(flow: Flow) -> frozenset[str | None]:
    return frozenset(root_of(p.holder) for p in flow.graph.parameters if p.asked and p.tracked)


def root_of(holder: str | None) -> str | None:
    """The name of the outermost object on the way to a parameter."""
    return holder.split(".")[0].split("[")[0] if holder else None
