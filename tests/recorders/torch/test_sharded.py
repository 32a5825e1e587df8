"""Parameters in parts: a module computes with whole ones that stand in their place while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from hearing import Ear
from torch_training import train, x
from whygrad.diagnose import agrees, diagnose

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Net(nn.Module):
    def __init__(self, cut: bool) -> None:
        super().__init__()
        self.cut = cut
        self.body, self.head = nn.Linear(4, 3), nn.Linear(3, 1)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        hidden = self.body(given)
        return self.head(hidden.detach() if self.cut else hidden)


@pytest.fixture(autouse=True)
def job(tmp_path: Path) -> Iterator[None]:
    """A job of one process."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.parametrize("cut", [False, True])
def test_a_part_is_read_where_the_whole_is(ear: Ear, cut: bool) -> None:
    model, mesh = Net(cut), init_device_mesh("cpu", (1,))
    for part in (model.body, model.head, model):
        fully_shard(part, mesh=mesh)
    train(model, loss=lambda: model(x(8, 4)).square().mean())
    for graph in ear.graphs:
        assert agrees(graph) == []
        assert [f.cause for f in diagnose(graph)] == ["stop-gradient"] * cut
