"""Programs around the `Trainer` of transformers and around Accelerate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("transformers")

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import BertConfig, BertModel, Trainer, TrainingArguments

from torch_session import told, x

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def encoder(pooled: bool = False) -> Any:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    return BertModel(BertConfig(vocab_size=20, max_position_embeddings=8, **sizes), add_pooling_layer=pooled)


class Classifier(nn.Module):
    pooled = False

    def __init__(self) -> None:
        super().__init__()
        self.encoder = encoder(self.pooled)
        self.spare = nn.Linear(8, 3)
        self.head = nn.Linear(8, 2)

    def features(self, ids: torch.Tensor) -> torch.Tensor:
        return self.encoder(ids).last_hidden_state.mean(1)

    def forward(self, input_ids: torch.Tensor, labels: Any = None, domains: Any = None) -> Any:
        features = self.features(input_ids)
        logits = self.head(features)
        other = self.spare(features)
        loss = nn.functional.cross_entropy(logits, labels) + 0.1 * other.square().mean()
        return {"loss": loss, "logits": logits}


class Unrecorded(Classifier):
    def features(self, ids: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self.encoder(ids).last_hidden_state.mean(1)


class Dropped(Classifier):
    def forward(self, input_ids: torch.Tensor, labels: Any = None, domains: Any = None) -> Any:
        features = self.features(input_ids)
        logits = self.head(features)
        other = self.spare(features)
        loss = nn.functional.cross_entropy(logits, labels)
        if domains is not None:
            loss = loss + nn.functional.cross_entropy(other, domains)
        return {"loss": loss, "logits": logits}


class Pooled(Classifier):
    pooled = True


class Argmax(Trainer):  # type: ignore[misc]
    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **more: Any) -> Any:
        outputs = model(**inputs)
        loss = (outputs["logits"].argmax(-1).float() - inputs["labels"]).square().mean()
        loss.requires_grad_(True)
        return (loss, outputs) if return_outputs else loss


def examples() -> list[dict[str, Any]]:
    ids = torch.randint(0, 20, (16, 6))
    return [{"input_ids": one, "labels": int(one.sum() % 2)} for one in ids]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


def train(folder: Path, model: nn.Module, trainer: type[Trainer] = Trainer, **settings: Any) -> None:
    quiet = {"save_strategy": "no", "report_to": [], "use_cpu": True, "disable_tqdm": True, "logging_steps": 100}
    arguments = TrainingArguments(str(folder), max_steps=5, per_device_train_batch_size=4, **quiet, **settings)
    trainer(model=model, args=arguments, train_dataset=examples(), eval_dataset=examples()).train()


def whole(folder: Path) -> None:
    train(folder, Classifier(), gradient_accumulation_steps=2, bf16=True, eval_strategy="epoch")


def checkpointed(folder: Path) -> None:
    model = Classifier()
    model.encoder.gradient_checkpointing_enable()
    train(folder, model)


def probed(folder: Path) -> None:
    model = Classifier()
    model.encoder.requires_grad_(False)
    train(folder, model)


@pytest.mark.parametrize("program", [whole, checkpointed, probed])
def test_a_healthy_training(program: Callable[[Path], None], folder: Path) -> None:
    assert told(lambda: program(folder)) == []


@pytest.mark.parametrize(
    ("made", "trainer", "cause", "code", "some"),
    [
        (Unrecorded, Trainer, "recording-off", "self.encoder(ids)", "model.encoder.embeddings.word_embeddings.weight"),
        (Dropped, Trainer, "unused-output", "cross_entropy(logits, labels)", "model.spare.weight"),
        (Pooled, Trainer, "unused-output", ".mean(1)", "model.encoder.pooler.dense.weight"),
        (Classifier, Argmax, "non-differentiable-op", ".argmax(-1)", "model.head.weight"),
    ],
)
def test_a_faulty_training(
    made: type[Classifier], trainer: type[Trainer], cause: str, code: str, some: str, folder: Path
) -> None:
    def program() -> None:
        model = made()
        train(folder, model, trainer)

    found = [finding for finding in told(program) if some in finding[2]]
    assert [said for said, _, _ in found] == [cause]
    assert code in found[0][1]


def test_a_trainer_that_has_nothing_to_train(folder: Path) -> None:
    def program() -> None:
        model = Classifier()
        model.requires_grad_(False)
        train(folder, model)

    [(cause, code, names)] = told(program, RuntimeError)
    assert (cause, code) == ("frozen", "model.requires_grad_(False)")
    assert "model.head.weight" in names


def accelerated(model: nn.Module, step: Callable[[Accelerator, Any, Any], None]) -> None:
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    data = DataLoader(TensorDataset(x().repeat(3, 1)), batch_size=8)
    model, optimizer, data = accelerator.prepare(model, optimizer, data)
    for _ in range(2):
        for (given,) in data:
            with accelerator.accumulate(model):
                step(accelerator, model(given), optimizer)


def usual(accelerator: Accelerator, loss: torch.Tensor, optimizer: Any) -> None:
    accelerator.backward(loss.square().mean())
    if accelerator.sync_gradients:
        accelerator.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], 1.0)
    optimizer.step()
    optimizer.zero_grad()


def cleared_early(accelerator: Accelerator, loss: torch.Tensor, optimizer: Any) -> None:
    accelerator.backward(loss.square().mean())
    optimizer.zero_grad()
    optimizer.step()


class Rounded(nn.Linear):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return super().forward(given).round()


def test_accelerate() -> None:
    assert told(lambda: accelerated(nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)), usual)) == []
    [(cause, code, _)] = told(lambda: accelerated(nn.Sequential(Rounded(4, 3), nn.Linear(3, 1)), usual))
    assert (cause, code) == ("non-differentiable-op", "super().forward(given).round()")
    [(cause, code, names)] = told(lambda: accelerated(nn.Linear(4, 3), cleared_early))
    assert (cause, code) == ("not-updated", "optimizer.zero_grad()")
    assert names == ["model.weight", "model.bias"]
