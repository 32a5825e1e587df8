"""What cuts a gradient off in PyTorch: autograd's own answers against the graph's, and the cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from hearing import Ear
from torch_session import findings_of, told
from torch_session import x as batch
from torch_training import train, x
from whygrad import spec
from whygrad.diagnose import agrees, diagnose

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


Around = Callable[[torch.Tensor], torch.Tensor]
CUTS: dict[str, tuple[str, Around]] = {
    "detach": ("stop-gradient", lambda t: t.detach()),
    "data": ("stop-gradient", lambda t: t.data),
    "parameter": ("stop-gradient", lambda t: nn.Parameter(t)),
    "variable": ("stop-gradient", lambda t: torch.autograd.Variable(t, requires_grad=True)),
    "argmax": ("non-differentiable-op", lambda t: t.argmax(1).float()),
    "compared": ("non-differentiable-op", lambda t: (t > 0).float()),
    "rounded": ("non-differentiable-op", lambda t: t.round()),
    "rounded in place": ("non-differentiable-op", lambda t: t.clone().round_()),
    "sampled": ("non-differentiable-op", lambda t: torch.distributions.Normal(t, 1.0).sample()),
    "drawn": ("non-differentiable-op", lambda t: torch.bernoulli(t.sigmoid())),
    "cast": ("integer-dtype", lambda t: t.long().float()),
    "to": ("integer-dtype", lambda t: t.to(torch.int32) * 1.0),
    "copied": ("left-framework", lambda t: torch.tensor(t.tolist())),
    "numpy": ("left-framework", lambda t: torch.from_numpy(t.detach().numpy())),
    "made a leaf again": (
        "left-framework",
        lambda t: torch.tensor([v.item() for v in t.flatten()], requires_grad=True),
    ),
    "written": ("state-write", lambda t: written(t)),
    "unrecorded": ("recording-off", lambda t: unrecorded(t)),
    "own function": ("custom-gradient", lambda t: Dropped.apply(t)),
}


def written(t: torch.Tensor) -> torch.Tensor:
    buffer = torch.zeros_like(t)
    with torch.no_grad():
        buffer.copy_(t)
    return buffer


@torch.no_grad()
def unrecorded(t: torch.Tensor) -> torch.Tensor:
    return t * 2


class Dropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, t: torch.Tensor) -> torch.Tensor:
        return t * 2

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> None:
        return None


@pytest.mark.parametrize("name", CUTS)
def test_a_cut_program(ear: Ear, name: str) -> None:
    cause, around = CUTS[name]
    lost, kept = nn.Linear(4, 3), nn.Linear(4, 1)
    train(lost, kept, loss=lambda: around(lost(x(8, 4))).mean() + kept(x(8, 4)).mean())
    graph = ear.graphs[0]
    spec.check(graph)
    assert agrees(graph) == []
    findings = diagnose(graph)
    assert {f.cause for f in findings} == {cause}
    assert {p.path for f in findings for p in f.parameters} == {"lost.weight", "lost.bias"}
    assert all(f.culprit is not None and f.culprit.file == __file__ for f in findings)


def test_what_no_operation_shows_is_found_by_autograds_own_graph(ear: Ear) -> None:
    model = nn.Linear(4, 1)

    @torch.jit.script
    def hidden(t: torch.Tensor) -> torch.Tensor:
        return t * 2

    train(model, loss=lambda: hidden(model(x(8, 4))).mean())
    assert agrees(ear.graphs[0]) == []


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 3)

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        return self.inner(t).tanh()


def test_an_unrecorded_pass_is_told_where_recording_is_off() -> None:
    encoder, head = Encoder(), nn.Linear(3, 1)

    def forward() -> torch.Tensor:
        with torch.no_grad():
            hidden = encoder(batch())
        return head(hidden)

    def program() -> None:
        optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            forward().square().mean().backward()
            optimizer.step()

    [finding] = findings_of(program)
    assert finding.cause == "recording-off"
    assert [(label.span.code, label.text) for label in finding.labels] == [
        ("encoder(batch())", "computed here, and grad mode is off"),
        ("torch.no_grad()", "this switches grad mode off"),
    ]


def test_a_moving_average_is_no_way_to_the_loss() -> None:
    online, target = nn.Linear(4, 3), nn.Linear(4, 3).requires_grad_(False)
    scale = nn.Parameter(torch.ones(1))

    def program() -> None:
        optimizer = torch.optim.SGD([*online.parameters(), scale], lr=0.1)
        for _ in range(5):
            mine = online(batch()).detach()
            with torch.no_grad():
                for old, new in zip(target.parameters(), online.parameters(), strict=True):
                    old.data = old.data * 0.9 + new.data * 0.1
                theirs = target(batch())
            optimizer.zero_grad()
            (scale * mine - theirs).square().mean().backward()
            optimizer.step()

    [(cause, code, _)] = told(program)
    assert (cause, code) == ("stop-gradient", "online(batch()).detach()")


@pytest.mark.parametrize("size", [1, 3])
def test_a_share_of_a_single_entry_is_constant(ear: Ear, size: int) -> None:
    gate, head = nn.Linear(4, size), nn.Linear(4, 1)

    def loss() -> torch.Tensor:
        score = gate(x(8, 4)).exp()
        return ((score / score.sum(-1, keepdim=True)).square().mean(-1, keepdim=True) * head(x(8, 4))).mean()

    train(gate, head, loss=loss)
    assert agrees(ear.graphs[0]) == []
    found = [(f.cause, f.culprit and f.culprit.code, [p.path for p in f.parameters]) for f in diagnose(ear.graphs[0])]
    told_so = ("zero-gradient", "score / score.sum(-1, keepdim=True)", ["gate.weight", "gate.bias"])
    assert found == ([told_so] if size == 1 else [])


def test_a_share_of_a_single_entry_in_some_steps_alone_is_no_fault() -> None:
    def program(sizes: tuple[int, ...]) -> Callable[[], None]:
        def run() -> None:
            score = nn.Linear(4, 1, bias=False)
            optimizer = torch.optim.SGD(score.parameters(), lr=0.1)
            for size in sizes:
                optimizer.zero_grad()
                weight = score(batch()[:size]).exp()
                ((weight / weight.sum(0, keepdim=True)) * batch()[:size]).square().mean().backward()
                optimizer.step()

        return run

    assert told(program((1, 3, 1, 3, 1, 3))) == []
    assert [cause for cause, _, _ in told(program((1,) * 6))] == ["zero-gradient"]


def test_which_action_was_taken_is_no_part_of_the_loss() -> None:
    policy, target = nn.Linear(4, 2), nn.Linear(4, 2)

    def act(state: torch.Tensor) -> int:
        with torch.no_grad():
            return int(policy(state).argmax())

    def program() -> None:
        optimizer = torch.optim.SGD(policy.parameters(), lr=0.1)
        for _ in range(4):
            action = torch.tensor([act(batch()[0])])
            optimizer.zero_grad()
            target(batch()[:1]).gather(1, action[:, None]).mean().backward()
            optimizer.step()

    [finding] = findings_of(program)
    assert (finding.cause, finding.fix and finding.fix.summary) == (
        "wrong-source",
        "give the optimizer the parameters of `target`, or compute the loss with `policy`",
    )


def test_new_leaves_of_a_library_are_no_call_to_remove() -> None:
    def program() -> None:
        model = nn.Sequential(torch.nn.utils.parametrizations.weight_norm(nn.Linear(4, 2)), nn.Linear(2, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        torch.nn.utils.parametrize.remove_parametrizations(model[0], "weight")
        for _ in range(3):
            optimizer.zero_grad()
            model(batch()).mean().backward()
            optimizer.step()

    [finding] = findings_of(program)
    assert finding.cause == "replaced-parameter"
    assert "makes new leaves" in finding.title
    assert finding.fix is not None
    assert finding.fix.summary.startswith("make the optimizer after this call")


def test_a_parameter_that_is_read_as_a_number_is_to_be_used_itself() -> None:
    def program() -> None:
        model, scale = nn.Linear(4, 1), nn.Parameter(torch.tensor(0.37))
        optimizer = torch.optim.SGD([*model.parameters(), scale], lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (model(batch()) * scale.item()).mean().backward()
            optimizer.step()

    [finding] = findings_of(program)
    assert finding.cause == "left-framework"
    assert finding.fix is not None
    assert finding.fix.summary == "use `scale` itself, in place of the number that it had"


def test_a_sum_that_numpy_writes_in_place() -> None:
    def program() -> None:
        layer, head = nn.Linear(4, 3), nn.Linear(3, 1)
        optimizer = torch.optim.SGD([*layer.parameters(), *head.parameters()], lr=0.01)
        for _ in range(3):
            sums = np.zeros((2, 3), np.float32)
            np.add.at(sums, np.arange(8) % 2, layer(batch()).detach().numpy())
            optimizer.zero_grad()
            head(torch.from_numpy(sums)).square().mean().backward()
            optimizer.step()

    assert told(program) == [("left-framework", "layer(batch()).detach().numpy()", ["layer.weight", "layer.bias"])]
