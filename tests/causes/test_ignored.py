"""A function below a library's call that leaves out one of the values that it is given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edits import Text
from whygrad.causes.ignored import ignored_inside, shape_alone

SAMPLING = "def sample(given):\n    mean, spread = given\n    return mean + noise\n\n\nz = encode(x)\n"


def inside(tmp_path: Path, text: str, below: bool = True) -> str | None:
    """The code of the place that is found, where ``mean + noise`` leads on."""
    made = Text(tmp_path, text)
    call = made.at("encode(x)")
    other = replace(made.at("mean + noise"), function="sample")
    found = ignored_inside((call,), [(call,), (other, call) if below else (other,)])
    return None if found is None else found.code


def test_a_function_that_never_reads_a_part_of_what_it_takes_apart(tmp_path: Path) -> None:
    assert inside(tmp_path, SAMPLING) == "mean + noise"
    text = SAMPLING.replace("(given):\n    mean, spread = given", "(mean, spread):")
    assert inside(tmp_path, text) == "mean + noise"


@pytest.mark.parametrize(
    "text",
    [
        SAMPLING.replace("mean, spread = given", "mean, spread = given\n    log(spread)"),
        SAMPLING.replace("spread", "_spread"),
        SAMPLING.replace("mean, spread = given", "mean = given"),
        SAMPLING.replace("mean, spread = given", "mean, spread = other"),
    ],
)
def test_a_function_that_reads_all_that_it_is_given(tmp_path: Path, text: str) -> None:
    assert inside(tmp_path, text) is None


def test_a_function_that_another_call_leads_to(tmp_path: Path) -> None:
    assert inside(tmp_path, SAMPLING, below=False) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("score = net(x)\nw = tf.ones_like(score) / 3\nloss = w * y\n", "tf.ones_like(score)"),
        ("score = 1\nprint(score)\nscore = net(x)\nw = ones_like(score)\n", "ones_like(score)"),
        ("for _ in range(3):\n    print(score)\n    score = net(x)\n    w = ones_like(score)\n", None),
        ("score = net(x)\nw = ones_like(score) / 3 + score\n", None),
        ("score = net(x)\nw = scale(score)\n", None),
        ("score = net(x)\nw = y\n", None),
    ],
)
def test_a_value_of_which_the_shape_alone_is_read(tmp_path: Path, text: str, code: str | None) -> None:
    found = shape_alone(Text(tmp_path, text).at("net(x)"), {"score"})
    assert (None if found is None else found.code) == code
