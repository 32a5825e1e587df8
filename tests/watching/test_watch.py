"""A watched run as a whole, without a framework."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from looks import look, parameter
from whygrad.watching.health import layer_of
from whygrad.watching.rows import rows_of
from whygrad.watching.watch import Watch


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "health.jsonl").read_text().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "train-1"
    made.mkdir()
    return made


def test_a_run_is_written_line_by_line(folder: Path) -> None:
    watch = Watch(folder, ["train.py"])
    watch.schedule.begins("SGD")
    unseen = parameter("c", None, zeros=None)
    watch.seen(look(1, parameter("a"), parameter("b", None, nonfinite=2), unseen))
    first = lines(folder)  # already there, before the run is over
    assert [line["kind"] for line in first] == ["run", "step"]
    assert first[0]["schema"] == "whygrad-watch/1"
    assert [p["gradient"] for p in first[1]["parameters"]] == ["present", "nonfinite", None]
    assert first[1]["parameters"][1]["gradient_norm"] is None
    watched = watch.close()
    last = lines(folder)[-1]
    assert last["steps"] == {"SGD": 1}
    assert [each["remark"] for each in last["remarks"]] == [each.kind for each in watched.remarks] == ["nonfinite"]
    assert watched.folder == folder
    assert len(list(folder.iterdir())) == 2


def test_a_run_without_steps_leaves_nothing_behind(folder: Path) -> None:
    watched = Watch(folder, ["train.py"]).close()
    assert watched.folder is None
    assert not folder.exists()


def test_a_disk_that_is_full_ends_the_file_and_not_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(folder, ["train.py"])
    watch.seen(look(1, parameter("a")))
    write = os.write

    def full(descriptor: int, record: bytes) -> int:
        return write(descriptor, record[:10])

    monkeypatch.setattr(os, "write", full)
    for step in (2, 3):
        watch.seen(look(step, parameter("a")))
    watched = watch.close()
    monkeypatch.undo()
    assert [line["kind"] for line in lines(folder)] == ["run", "step"]
    assert "no space left" in watched.notes[0]
    assert watched.courses["SGD"].looks == 3


def test_optimizers_of_a_class_are_numbered(folder: Path) -> None:
    watch = Watch(folder, ["train.py"])
    assert [watch.name(n, "Adam") for n in (1, 2, 1)] + [watch.name(3, "SGD")] == ["Adam", "Adam (2)", "Adam", "SGD"]


def test_rows_are_layers(folder: Path) -> None:
    watch = Watch(folder, ["train.py"])
    for step in (1, 2, 3):
        watch.seen(
            look(step, parameter("net.1.w", 3.0), parameter("net.1.b", 4.0 * step, zeros=0.5), parameter("scale"))
        )
    watched = watch.close()
    layer, alone = rows_of(watched.courses, watched.routes, watched.remarks)
    assert (layer.layer, layer.first, layer.zeros, layer.remarks) == ("net.1", 5.0, 0.25, ())
    assert alone.layer == "scale"


@pytest.mark.parametrize(
    ("path", "layer"),
    [("net.0.weight", "net.0"), ("model/dense/kernel", "model/dense"), ("w", "w"), ("p/l.0/w", "p/l.0")],
)
def test_the_layer_of_a_parameter(path: str, layer: str) -> None:
    assert layer_of(path) == layer
