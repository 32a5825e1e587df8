"""What a program of the agreement tests is given to put on the way, and what its graphs must show."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from hearing import Ear
from whygrad import spec
from whygrad.diagnose import agrees, diagnose
from whygrad.graph import Graph

Through = Callable[[Any], Any]
X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


def same(t: Any) -> Any:
    return t * 1.0


def cut(t: Any) -> Any:
    return tf.stop_gradient(t) * 1.0


CULPRIT = inspect.getsourcelines(cut)[1] + 1


def judged(graphs: Iterable[Graph]) -> set[tuple[str, str, int | None]]:
    """(parameter, cause, line) of every finding, after the checks that hold for every graph."""
    found = set()
    for graph in graphs:
        spec.check(graph)
        assert agrees(graph) == []
        for finding in diagnose(graph):
            line = None if finding.culprit is None else finding.culprit.line
            found.update((p.path, finding.cause, line) for p in finding.parameters)
    return found


def check(ear: Ear, is_cut: bool) -> None:
    assert ear.graphs
    found = judged(ear.graphs)
    below = {p.path for graph in ear.graphs for p in graph.parameters if p.asked and "below" in p.path}
    assert below
    assert found == ({(path, "stop-gradient", CULPRIT) for path in below} if is_cut else set())


def two_replicas() -> Any:
    """TensorFlow's collective operations do not stand several strategies in one process: so without them."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice())
