"""once: what is true of a request as a whole is judged once, however many parameters ask."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from whygrad.flow import Flow

More = ParamSpec("More")
Answer = TypeVar("Answer")


def once(judge: Callable[Concatenate[Flow, More], Answer]) -> Callable[Concatenate[Flow, More], Answer]:
    """The same judgement, remembered for as long as the flow lives.

    Args:
        judge: of a flow, and of what else the answer depends on, which can be hashed. The answer may not hold the flow.
    """
    known: WeakKeyDictionary[Flow, dict[Hashable, Answer]] = WeakKeyDictionary()

    @wraps(judge)
    def remembered(flow: Flow, /, *more: More.args, **named: More.kwargs) -> Answer:
        found = known.setdefault(flow, {})
        key = (more, *named.items())
        if key not in found:
            found[key] = judge(flow, *more, **named)
        return found[key]

    return remembered
