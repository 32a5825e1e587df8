"""Programs around Lightning's `Trainer` and `Fabric`: what stands in the script is found, under the script's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

import lightning
import torch
from lightning.fabric import Fabric
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def batches() -> DataLoader[Any]:
    return DataLoader(TensorDataset(x().repeat(4, 1), torch.arange(32) % 2), batch_size=8)


def trainer(**settings: Any) -> lightning.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return lightning.Trainer(max_epochs=2, accelerator="cpu", enable_model_summary=False, **quiet, **settings)


def fit(model: Any, **settings: Any) -> None:
    trainer(**settings).fit(model, batches(), batches())


class Lit(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.Tanh())
        self.spare = nn.Linear(8, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.head(self.spare(self.body(given)))

    def loss(self, batch: Any) -> torch.Tensor:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def training_step(self, batch: Any, number: int) -> Any:
        loss = self.loss(batch)
        self.log("loss", loss.item())
        return loss

    def validation_step(self, batch: Any, number: int) -> None:
        self.log("validation", self.loss(batch))

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), lr=0.01)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]


class ByHand(Lit):
    automatic_optimization = False

    def training_step(self, batch: Any, number: int) -> Any:
        optimizer = self.optimizers()
        self.manual_backward(self.loss(batch) / 2)
        if number % 2:
            self.clip_gradients(optimizer, gradient_clip_val=0.5)
            optimizer.step()
            optimizer.zero_grad()


class HeadForgotten(Lit):
    def configure_optimizers(self) -> Any:
        return torch.optim.Adam([*self.body.parameters(), *self.spare.parameters()])


class Detached(Lit):
    def training_step(self, batch: Any, number: int) -> Any:
        return self.loss(batch).detach()


class Number(Lit):
    def training_step(self, batch: Any, number: int) -> Any:
        return {"loss": torch.tensor(self.loss(batch).item(), requires_grad=True)}


class Spared(Lit):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(given))


class Frozen(Lit):
    def __init__(self) -> None:
        super().__init__()
        self.freeze()


class ClearedEarly(ByHand):
    def training_step(self, batch: Any, number: int) -> Any:
        optimizer = self.optimizers()
        self.manual_backward(self.loss(batch))
        optimizer.zero_grad()
        optimizer.step()


def whole() -> None:
    fit(Lit(), gradient_clip_val=0.5, accumulate_grad_batches=2, precision="bf16-mixed")


def by_hand() -> None:
    fit(ByHand())


def probed() -> None:
    model = Lit()
    model.body.requires_grad_(False)
    fit(model)


def fabric() -> None:
    runtime = Fabric(accelerator="cpu", devices=1)
    net = Lit().body
    model, optimizer = runtime.setup(net, torch.optim.SGD(net.parameters(), lr=0.1))
    for _ in range(6):
        runtime.backward(model(x()).square().mean())
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("program", [whole, by_hand, probed, fabric])
def test_a_healthy_program(program: Callable[[], None]) -> None:
    assert told(program) == []


def fabric_rounds() -> None:
    runtime = Fabric(accelerator="cpu", devices=1)
    net = nn.Sequential(nn.Linear(4, 2), nn.Sigmoid())
    model, optimizer = runtime.setup(net, torch.optim.SGD(net.parameters(), lr=0.1))
    for _ in range(6):
        runtime.backward(model(x()).round().mean())
        optimizer.step()
        optimizer.zero_grad()


ALL = [f"{path}.{kind}" for path in ("body.0", "spare", "head") for kind in ("weight", "bias")]


@pytest.mark.parametrize(
    ("made", "raises", "cause", "code", "paths"),
    [
        (HeadForgotten, None, "not-updated", "torch.optim.Adam(", ["head.weight", "head.bias"]),
        (Detached, RuntimeError, "stop-gradient", ".detach()", ALL),
        (Number, None, "left-framework", ".item()", ALL),
        (Spared, None, "not-called", "", ["spare.weight", "spare.bias"]),
        (Frozen, RuntimeError, "frozen", "self.freeze()", ALL),
        (ClearedEarly, None, "not-updated", "zero_grad()", ALL),
    ],
)
def test_a_faulty_program(
    made: type[Lit], raises: type[Exception] | None, cause: str, code: str, paths: list[str]
) -> None:
    def program() -> None:
        model = made()
        fit(model)

    [(said, where, names)] = told(program, raises)
    assert said == cause
    assert code in where
    assert names == [f"model.{path}" for path in paths]


def test_a_model_that_only_the_trainer_holds_goes_by_its_class() -> None:
    [(_, _, names)] = told(lambda: trainer().fit(Spared(), batches()))
    assert names == ["Spared.spare.weight", "Spared.spare.bias"]


def test_a_wrapper_is_no_part_of_a_name() -> None:
    [(cause, code, names)] = told(fabric_rounds)
    assert (cause, code) == ("non-differentiable-op", "model(x()).round()")
    assert names == ["model.0.weight", "model.0.bias"]
