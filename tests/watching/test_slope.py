"""Where gradients vanish or explode layer by layer, and where they only look uneven."""

from __future__ import annotations

import pytest

from looks import HERE, course, look, parameter, route, steady
from whygrad.watching.health import Place, Route, Squash
from whygrad.watching.slope import slopes

NET = [f"net.{n}.weight" for n in range(8)]


def told(norms: list[float], **more: int) -> list[str]:
    found = steady(dict(zip(NET, norms, strict=True)))
    return [each.kind for each in slopes(found.kept, [route(NET, **more)])]


def test_a_fall_from_layer_to_layer_vanishes() -> None:
    found = steady({path: 4.0**n for n, path in enumerate(NET)})
    squashes = tuple(Squash("sigmoid", HERE, n) for n in range(1, 9))
    (slope,) = slopes(found.kept, [Route(route(NET).places, squashes)])
    assert slope.kind == "vanishing"
    assert slope.text == (
        "gradients vanish on the way back from `net.7.weight` to `net.0.weight`: over 8 layers the norm falls by a "
        "factor of 4 a layer, from 1.6e+04 to 1; 7 times a sigmoid lies between"
    )
    assert slope.paths == tuple(NET)
    assert slope.where == HERE


def test_a_rise_explodes() -> None:
    assert told([4.0**-n for n in range(8)]) == ["exploding"]


@pytest.mark.parametrize(
    "norms",
    [
        [1.0] * 8,
        [1.5**n for n in range(8)],  # by little
        [1e-4] + [1.0] * 7,  # one layer alone: it may be an embedding
        [1.0, 50.0, 0.1, 80.0, 2.0, 0.01, 3.0, 1.0],  # to and fro
        [1e-5, 1e-5, 1e-5, 1e-5, 1.0, 1.0, 1.0, 1.0],  # a step, as behind a head that began at zero
        [0.0] * 4 + [1.0] * 4,  # dead, which is told as zeros
    ],
)
def test_unevenness_alone_says_nothing(norms: list[float]) -> None:
    assert told(norms) == []


def test_a_fall_that_training_mends_says_nothing() -> None:
    looks = [look(n, *(parameter(p, 4.0**i) for i, p in enumerate(NET))) for n in range(1, 9)]
    looks += [look(n, *(parameter(p, 1.0) for p in NET)) for n in range(9, 11)]
    assert list(slopes(course(looks).kept, [route(NET)])) == []


def test_layers_that_only_grow_larger_do_not_vanish() -> None:
    """The norm falls because there are fewer elements: each of them gets as much."""
    looks = [look(n, *(parameter(p, 4.0**i, elements=16**i) for i, p in enumerate(NET))) for n in range(1, 6)]
    assert list(slopes(course(looks).kept, [route(NET)])) == []


def test_without_the_order_of_layers_nothing_is_said() -> None:
    assert list(slopes(steady({path: 4.0**n for n, path in enumerate(NET)}).kept, [])) == []


def test_a_recurrent_layer_explodes_by_itself() -> None:
    places = (Place("cell.w", "linear", "cell", HERE, None, 50), Place("head.w", "linear", "head", HERE, None, 1))
    (slope,) = slopes(steady({"cell.w": 1e6, "head.w": 1.0}).kept, [Route(places)])
    assert slope.kind == "exploding"
    assert "`cell.w`, which runs over and over" in slope.text
    assert list(slopes(steady({"cell.w": 1e2, "head.w": 1.0}).kept, [Route(places)])) == []
    once = (Place("cell.w", "linear", "cell", HERE, None, 1), places[1])
    assert list(slopes(steady({"cell.w": 1e6, "head.w": 1.0}).kept, [Route(once)])) == []
