"""Where a function returns."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("jax")

from whygrad.recorders import frames
from whygrad.recorders.jax.returns import place_of_return

pytestmark = pytest.mark.jax


def one(x: Any) -> Any:
    y = x * 2
    return y + 1


def nothing(x: Any) -> None:
    y = [x]
    y.append(x)


def several(x: Any) -> Any:
    if x:
        return x + 1
    return x - 1


def one_or_nothing(x: Any) -> Any:
    if x:
        return x + 1
    return None


@pytest.mark.parametrize(
    ("function", "code"),
    [
        (one, "return y + 1"),
        (functools.partial(one, 1), "return y + 1"),
        (nothing, "y.append(x)"),
        (several, None),
        (one_or_nothing, "return x + 1"),
    ],
)
def test_of_a_function_of_the_users(function: Callable[..., Any], code: str | None) -> None:
    (span,) = frames.spans(place_of_return(function))
    assert span.code == code
    if code is None:
        assert span.line == several.__code__.co_firstlineno


def test_of_what_is_no_function_of_the_users() -> None:
    assert place_of_return(len) == ()
    assert place_of_return(frames.spans) == ()
