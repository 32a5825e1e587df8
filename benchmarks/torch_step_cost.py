"""What a training step costs under PyTorch: plain, recorded, watched only, in anomaly mode, and traced by TorchLens.

Thread CPU time of one step with torch on one thread, the ways interleaved in one process; ratios to the plain
step, minimum and median over the rounds. The last column is a second plain step: the noise. A model "on constant data"
stops learning within a few steps, and gradients that stay zero are looked into: its rows show what that costs. The
others see random data, as a script that works does, and none of their units goes dead.

Before that, each model is trained for twenty steps with and without the recorder: every loss must be the same to the
last bit. TorchLens, where it is installed, traces the forward pass alone: its column is that pass as a ratio to the
whole plain step.

    python benchmarks/torch_step_cost.py [ROUNDS]
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from deaf import Deaf
from torch import nn

from whygrad.recorders.torch import Torch

STEPS = 20
# A run records ten steps: the first are warming up, and the others are measured together. It is watched for long.
WARM, MEASURED, WATCHED = 3, 7, 35


def mlp(width: int, batch: int) -> tuple[Any, Any]:
    hidden = [nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.1)]
    return nn.Sequential(nn.Linear(784, width), nn.ReLU(), *hidden, nn.Linear(width, 1)), torch.ones(batch, 784)


def conv(width: int, size: int) -> tuple[Any, Any]:
    layers: list[Any] = []
    for before in (3, width, width):
        layers += [nn.Conv2d(before, width, 3), nn.BatchNorm2d(width), nn.ReLU()]
    tail = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.1), nn.Linear(width, 1)]
    return nn.Sequential(*layers, *tail), torch.ones(8, 3, size, size)


def transformer(width: int, length: int) -> tuple[Any, Any]:
    layers = [nn.TransformerEncoderLayer(width, 4, width * 4, 0.1, batch_first=True) for _ in range(4)]
    return nn.Sequential(*layers, nn.Linear(width, 1)), torch.ones(8, length, width)


MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "MLP": lambda: mlp(256, 64),
    "conv net": lambda: conv(32, 32),
    "conv net, wide": lambda: conv(64, 64),
    "transformer": lambda: transformer(128, 64),
    "tiny MLP": lambda: mlp(4, 2),
    "tiny conv net": lambda: conv(2, 8),
    "tiny transformer": lambda: transformer(8, 4),
}


def random(make: Callable[[], tuple[Any, Any]]) -> tuple[Any, Any]:
    model, data = make()
    return model, torch.randn_like(data)


# What stops learning: the first layers of these get zeros alone.
STUCK = ("conv net", "tiny conv net", "tiny MLP")
ROWS: dict[str, Callable[[], tuple[Any, Any]]] = {
    **{name: partial(random, make) for name, make in MODELS.items()},
    **{f"{name} on constant data": MODELS[name] for name in STUCK},
}


def stepper(make: Callable[[], tuple[Any, Any]]) -> Callable[[], float]:
    torch.manual_seed(1)  # with which the four units of the tiny MLP live
    model, data = make()
    optimizer = torch.optim.Adam(model.parameters())

    def step() -> float:
        optimizer.zero_grad()
        loss = (model(data) - 1.0).square().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    step.forward = (model, data)  # type: ignore[attr-defined]
    return step


def timed(step: Callable[[], Any], steps: int = MEASURED) -> float:
    start = time.thread_time()
    for _ in range(steps):
        step()
    return (time.thread_time() - start) / steps


def listening(body: Callable[[], Any], rest: bool) -> Any:
    recorder = Torch()
    recorder.start(Deaf())
    if rest:
        recorder.rest()
    try:
        return body()
    finally:
        recorder.stop()


def recorded(step: Callable[[], float], rest: bool) -> float:
    def warm() -> float:
        # What is set up once per recorder, and once per place that asks, is not the cost of a step.
        spent = [timed(step, steps) for steps in (WARM, WATCHED if rest else MEASURED)]
        return spent[-1]

    return float(listening(warm, rest))


def anomaly(step: Callable[[], float]) -> float:
    with torch.autograd.set_detect_anomaly(True):
        return timed(step)


def traced(step: Any) -> float:
    import torchlens

    model, data = step.forward
    return timed(lambda: torchlens.trace(model, data), 1)


WAYS: dict[str, Callable[[Callable[[], float]], float]] = {
    "plain": timed,
    "recorded": lambda step: recorded(step, rest=False),
    "watched": lambda step: recorded(step, rest=True),
    "anomaly mode": anomaly,
    "plain again": timed,
}
# It puts functions of its own into torch for as long as the process lives, so it comes after all that is compared.
LAST = {"TorchLens": traced} if importlib.util.find_spec("torchlens") is not None else {}


def losses(make: Callable[[], tuple[Any, Any]]) -> list[float]:
    step = stepper(make)
    return [step() for _ in range(STEPS)]


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    torch.set_num_threads(1)
    columns = [*list(WAYS)[1:], *LAST, "losses"]
    rows = []
    for name, make in ROWS.items():
        same = losses(make) == listening(lambda make=make: losses(make), rest=False)
        step = stepper(make)
        for _ in range(3):
            step()
        times: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way, measure in WAYS.items():
                times[way].append(measure(step))
        low, mid = min(times["plain"]), statistics.median(times["plain"])
        cells = [ratio(t, low, mid) for way, t in times.items() if way != "plain"]
        rows.append((name, step, low, mid, cells, "the same" if same else "DIFFERENT"))
    print("| step | " + " | ".join(columns) + " |\n| --- |" + " --- |" * len(columns))
    for name, step, low, mid, cells, words in rows:
        late = [ratio([measure(step) for _ in range(rounds)], low, mid) for measure in LAST.values()]
        print(f"| {name}, {low * 1e3:.2f} ms | " + " | ".join([*cells, *late, words]) + " |", flush=True)


def ratio(times: list[float], low: float, mid: float) -> str:
    """Minimum (median) of one way, over those of the plain step."""
    return f"{min(times) / low:.2f} ({statistics.median(times) / mid:.2f})"


if __name__ == "__main__":
    main()
