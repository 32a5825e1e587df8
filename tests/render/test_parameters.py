from __future__ import annotations

from dataclasses import replace

from whygrad.finding import Affected
from whygrad.render.look import Look
from whygrad.render.parameters import listing


def shown(*parameters: Affected, width: int = 80) -> list[str]:
    return [line.plain for line in listing(parameters, Look(width))]


def weights(number: int) -> list[Affected]:
    return [Affected(f"layer_{n}/kernel", (2**n, 3), "float32") for n in range(number)]


def test_columns_are_aligned() -> None:
    odd = (
        Affected("温", None, None),
        Affected("scale", (), "bfloat16"),
        Affected("table", (None, 8), "float32"),
    )
    assert shown(*weights(1), *odd) == [
        "note: 4 parameters are affected:",
        "      layer_0/kernel  [1, 3]  float32",
        "      温              [...]",
        "      scale           []      bfloat16",
        "      table           [?, 8]  float32",
    ]


def test_eight_are_named_and_the_rest_counted() -> None:
    assert shown(*weights(10))[-2:] == ["      layer_7/kernel  [128, 3]  float32", "      and 2 more"]
    assert shown(*weights(9))[-1] == "      layer_8/kernel  [256, 3]  float32"


def test_gradients_are_told_where_they_differ() -> None:
    first, second = weights(2)
    assert "gradient" not in "".join(shown(first, second))
    assert shown(first, replace(second, gradient="nonfinite"))[1:] == [
        "      layer_0/kernel  [1, 3]  float32  gradient: none",
        "      layer_1/kernel  [2, 3]  float32  gradient: nonfinite",
    ]


def test_columns_that_do_not_fit_are_left_out_and_names_never() -> None:
    assert shown(*weights(1), width=30)[-1] == "      layer_0/kernel  [1, 3]"
    assert shown(*weights(1), width=25)[-1] == "      layer_0/kernel"
    assert shown(*weights(1), width=10)[-1] == "      layer_0/kernel"
