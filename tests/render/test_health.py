"""The words at the end of a watched run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from looks import HERE, course, look, parameter, route
from whygrad.render.health import health
from whygrad.render.look import Look
from whygrad.watching.course import Course
from whygrad.watching.judgement import Remark, judge
from whygrad.watching.watched import Watched

CWD = "/work/project"


def watched(*names: str, gradient: float = 1.0, looks: int = 5) -> Watched:
    found = course([look(n, *(parameter(name, gradient) for name in names)) for n in range(1, looks + 1)])
    found.steps = 100
    return Watched(Path(CWD, "whygrad-watch/train-1"), {"SGD": found}, (), (route(names),), ())


def told(what: Watched, width: int = 80, causes: dict[str, str] | None = None, **more: bool) -> list[str]:
    return health(what, causes or {}, Look(width=width, cwd=CWD, **more)).splitlines()


def test_a_healthy_run() -> None:
    assert told(watched("net.0.weight", "net.0.bias", "scale")) == [
        "layer       gradient norm  zeros  update/weight  remark",
        "net.0  1.4e+00 -> 1.4e+00     0%        1.0e-02",
        "scale  1.0e+00 -> 1.0e+00     0%        1.0e-02",
        "whygrad watch: the gradients look healthy; looked at 5 of 100 steps of SGD",
        "whygrad watch: written to whygrad-watch/train-1; to see it: tensorboard --logdir",
        "    whygrad-watch",
    ]


def test_remarks_name_the_cause_and_the_line() -> None:
    remark = Remark("zero", "SGD", "`net.0.weight`: zeros", True, "zero-gradient", ("net.0.weight",), HERE)
    found = replace(watched("net.0.weight", "net.1.weight"), remarks=(remark,))
    lines = told(found, 120)
    assert lines[1].endswith("zeros alone")
    assert lines[3] == "warning: `net.0.weight`: zeros (`whygrad explain zero-gradient`) --> train.py:7:5"
    assert "1 warning about the gradients" in lines[4]
    known = told(found, 120, {"net.0.weight": "stop-gradient"})
    assert known[3] == "warning: `net.0.weight`: zeros; the finding `stop-gradient` says why --> train.py:7:5"


def test_a_note_alone_is_healthy() -> None:
    remark = Remark("clipping", "SGD", "clipping acts at each step", warns=False)
    lines = told(replace(watched("a"), remarks=(remark,)))
    assert "note: clipping acts at each step" in lines
    assert any("look healthy" in line for line in lines)


def test_too_few_steps_and_none() -> None:
    assert any("too few steps to judge" in line for line in told(watched("a", looks=2)))
    nothing = Watched(None, {}, (), (), ("why not",))
    assert told(nothing) == [
        "note: why not",
        "whygrad watch: no step of an optimizer was seen, and nothing was written",
    ]


def test_steps_whose_gradients_were_not_to_be_seen_are_not_called_healthy() -> None:
    looks = [replace(look(n, parameter("a", None, zeros=None)), blind="compiled") for n in range(1, 6)]
    found = replace(watched("a"), courses={"SGD": course(looks)})
    assert judge("SGD", found.courses["SGD"], ()) == ()
    lines = told(found)
    assert lines[1].split() == ["a", "-", "->", "-", "-", "1.0e-02"]
    assert any("gradients could not be seen" in line for line in lines)


def test_of_very_many_layers_those_with_a_remark_are_shown() -> None:
    names = [f"net.{n}.weight" for n in range(100)]
    remark = Remark("zero", "SGD", "zeros", paths=(names[50],))
    lines = told(replace(watched(*names), remarks=(remark,)))
    rows = [line.split()[0] for line in lines[1:12]]
    assert rows == [*names[:4], "...", names[50], "...", *names[-4:]]
    assert "... 46 more" in lines[5]


@pytest.mark.parametrize("width", [40, 60, 120])
def test_the_table_keeps_to_the_window(width: int) -> None:
    remark = Remark("vanishing", "SGD", "gradients vanish", paths=("model.encoder.layers.0.self_attn.weight",))
    found = replace(watched("model.encoder.layers.0.self_attn.weight", "b"), remarks=(remark,))
    both = replace(found, courses=found.courses | {"Adam": Course([look(1, parameter("c"))], looks=1)})
    assert all(cell_len(line) <= max(width, 60) for line in told(both, width))


def test_colour_is_for_those_who_want_it() -> None:
    remark = Remark("vanishing", "SGD", "gradients vanish", paths=("a",))
    found = replace(watched("a"), remarks=(remark,))
    assert "\x1b[" not in "\n".join(told(found))
    assert "\x1b[" in "\n".join(told(found, color=True))
