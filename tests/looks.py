"""Looks at steps, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whygrad.span import Span
from whygrad.watching.course import Course
from whygrad.watching.health import Clipping, ParameterHealth, Place, Route, StepHealth

HERE = Span("train.py", 7, 5, function="<module>", code="net(x)")


def parameter(path: str, gradient: float | None = 1.0, **more: Any) -> ParameterHealth:
    usual: dict[str, Any] = {"elements": 64, "matrix": True, "zeros": 0.0, "weight": 2.0, "update": 0.02}
    return ParameterHealth(path, gradient=gradient, **(usual | more))


def look(step: int, *parameters: ParameterHealth, clipping: Clipping | None = None) -> StepHealth:
    return StepHealth("SGD", step, float(step), parameters, clipping)


def course(looks: Sequence[StepHealth]) -> Course:
    found = Course()
    for each in looks:
        found.add(each)
    return found


def steady(norms: Mapping[str, float], looks: int = 5) -> Course:
    """The same gradients at every look."""
    return course([look(n, *(parameter(path, norm) for path, norm in norms.items())) for n in range(1, looks + 1)])


def route(paths: Sequence[str], op: str = "linear", reads: int = 1) -> Route:
    return Route(tuple(Place(path, op, path.rpartition(".")[0], HERE, None, reads) for path in paths))
