"""Values that a function computes and keeps to itself: what it hands on in their place is blamed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from torch_session import findings_of, told, x
from torch_training import train

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Net(nn.Module):
    """Its head and its gain are used for nothing."""

    def __init__(self, forward: Callable[[Net, torch.Tensor], object]) -> None:
        super().__init__()
        self.body, self.head, self.gain = nn.Linear(4, 4), nn.Linear(4, 4), nn.Parameter(torch.ones(4))
        self.way = forward

    def forward(self, given: torch.Tensor) -> object:
        return self.way(self, given)


def returned(net: Net, given: torch.Tensor) -> object:
    h = net.body(given)
    _spare = net.head(h)
    _scaled = h * net.gain
    return h


def in_a_dict(net: Net, given: torch.Tensor) -> object:
    h = net.body(given)
    _spare = {"head": net.head(h), "gain": h * net.gain}
    return {"out": torch.tanh(h)}


def bound_anew(net: Net, given: torch.Tensor) -> object:
    h = net.body(given)
    made = net.head(h) * net.gain
    made = torch.relu(h)
    return made.tanh()


@pytest.mark.parametrize(
    ("forward", "taken"), [(bound_anew, "torch.relu(h)"), (returned, "h"), (in_a_dict, "torch.tanh(h)")]
)
def test_what_the_function_hands_back_is_blamed(forward: Callable[..., object], taken: str) -> None:
    def program() -> None:
        model = Net(forward)

        def loss() -> torch.Tensor:
            made = model(x())
            return (made["out"] if isinstance(made, dict) else made).square().mean()

        train(model, loss=loss, steps=4)

    assert told(program) == [
        ("unused-output", taken, [f"model.{name}" for name in ("gain", "head.weight", "head.bias")])
    ]


def test_a_loss_that_was_there_before_the_value() -> None:
    def program() -> None:
        model = Net(returned)

        def loss() -> torch.Tensor:
            h = model.body(x())
            made = h.square().mean()
            _spare = model.head(h) * model.gain
            return made

        train(model, loss=loss, steps=4)

    ((cause, taken, _),) = told(program)
    assert (cause, taken) == ("unused-output", "h.square().mean()")


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mean, self.spread = nn.Linear(4, 1), nn.Linear(4, 1)

    def forward(self, given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.mean(given), self.spread(given)


def test_a_part_of_what_a_call_gives_is_called_so() -> None:
    def program() -> None:
        model = Pair()

        def loss() -> torch.Tensor:
            mean, _spread = model(x())
            return mean.square().mean()

        train(model, loss=loss, steps=4)

    [finding] = findings_of(program)
    assert finding.title.endswith("the loss does not use the output of `model.spread`")
    assert finding.fix is not None
    assert finding.fix.summary == "use all parts of what `model(x())` gives on the way to the loss"
