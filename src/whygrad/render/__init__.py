"""How a report is said: pure functions, one format each."""

from __future__ import annotations

from collections.abc import Callable

from whygrad.finding import Report
from whygrad.render import json, text
from whygrad.render.look import Look

FORMATS: dict[str, Callable[[Report, Look], str]] = {
    "text": text.render,
    "json": json.render,
}
