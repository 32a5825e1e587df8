"""Models of the transformers package: the verdict on every parameter of each is autograd's own."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from hearing import Ear
from whygrad import spec
from whygrad.diagnose import agrees, diagnose
from whygrad.flow import Flow
from whygrad.graph import Graph
from whygrad.recorders.torch import Torch

pytestmark = [pytest.mark.torch, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def _zoo() -> Mapping[str, Any]:
    place = importlib.util.spec_from_file_location("transformers_zoo", Path(__file__).parent / "transformers_zoo.py")
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return dict(module.ZOO)


ZOO = _zoo()
# What has no gradient in a model by its makers' own design: a part of its name, and the cause.
IDLE = {
    "BertModel": ("pooler", "unused-output"),
    "ViTModel": ("pooler", "unused-output"),
    "RobertaModel": ("pooler", "unused-output"),
    "AlbertModel": ("pooler", "unused-output"),
    "MPNetModel": ("pooler", "unused-output"),
    "FNetModel": ("pooler", "unused-output"),
    "SqueezeBertModel": ("pooler", "unused-output"),
    "BigBirdForMaskedLM": ("pooler", "unused-output"),
    "XLNetLMHeadModel": ("transformer", "not-called"),
}


def _recorded(name: str) -> tuple[Graph, dict[str, bool]]:
    """The Graph of one training step, and for each parameter whether autograd gave it a gradient."""
    recorder, ear = Torch(), Ear()
    recorder.start(ear)
    try:
        model, loss = ZOO[name]()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        loss(model).backward()
        optimizer.step()
    finally:
        recorder.stop()
    assert not ear.faults
    assert len(ear.graphs) == 1
    return ear.graphs[0], {f"model.{n}": p.grad is not None for n, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("name", ZOO)
def test_every_parameter_gets_autograds_verdict(name: str) -> None:
    graph, truth = _recorded(name)
    spec.check(graph)
    assert agrees(graph) == []
    flow, asked = Flow(graph), {p.path: p for p in graph.parameters if p.asked}
    assert {path: flow.alive(asked[path]) for path in truth} == truth
    findings = diagnose(graph)
    assert {p.path for f in findings for p in f.parameters} == {path for path, given in truth.items() if not given}
    word, cause = IDLE.get(name, ("", ""))
    assert {f.cause for f in findings} == ({cause} if cause else set())
    assert all(word in p.path for f in findings for p in f.parameters)
    assert all(f.culprit is not None and f.culprit.line for f in findings)


def test_a_layer_that_runs_is_not_said_to_be_uncalled() -> None:
    graph, _ = _recorded("XLNetLMHeadModel")
    titles = [f.title for f in diagnose(graph)]
    assert titles
    assert all("although that is called" in title for title in titles)
