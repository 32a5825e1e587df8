"""What watching a run costs, beside other ways to look at gradients.

CPU time of the process over blocks of training steps on one thread, the ways interleaved in one process: ratios to the
plain blocks, minimum and median over the rounds. The last column is a second plain block: the noise. `run` is what
`whygrad run` does once its recording is over, and `run --watch` the same with `--watch`, files and all; `each step` has
a look at every step, which is what the schedule saves. `wandb.watch` runs offline, where it is installed, and is left
out otherwise. Every way trains from the same seed, and the last loss of each must be the plain one's to the last bit.

    python benchmarks/watch_cost.py torch|tensorflow [ROUNDS]
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.update(
    OMP_NUM_THREADS="1", TF_NUM_INTRAOP_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3", WANDB_MODE="offline", WANDB_SILENT="true"
)

from deaf import Deaf

from whygrad.recorders.recorder import Recorder
from whygrad.watching.watch import Watch

SECONDS = 1.5  # a plain block lasts about so long

Step = Callable[[], float]
Way = Callable[[Any], Any]


class Always:
    """In place of the schedule: a look at each step."""

    expected = True

    def __init__(self) -> None:
        self.made = 0

    def steps(self, optimizer: Any) -> int:
        """So many steps."""
        return self.made

    def begins(self, optimizer: Any) -> tuple[int, bool]:
        """The next one is due."""
        self.made += 1
        return self.made, True

    def ends(self, optimizer: Any, cost: float | None) -> None:
        """Whatever it cost."""


@contextmanager
def watching(make: Callable[[], Recorder], always: bool = False) -> Iterator[None]:
    """Between the recording and the end of a run."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "run-1")
        folder.mkdir()
        watch, recorder = Watch(folder, ["bench"]), make()
        if always:
            watch.schedule = Always()  # type: ignore[assignment]
        recorder.watch(watch)
        recorder.start(Deaf())
        recorder.rest()
        try:
            yield
        finally:
            recorder.stop()
            ended = watch.close()
            assert not [note for note in ended.notes if "stopped" in note], ended.notes
            assert ended.courses, "nothing was looked at"


@contextmanager
def resting(make: Callable[[], Recorder]) -> Iterator[None]:
    """The same without ``--watch``."""
    recorder = make()
    recorder.start(Deaf())
    recorder.rest()
    try:
        yield
    finally:
        recorder.stop()


@contextmanager
def plain(_: Any) -> Iterator[None]:
    """Nothing."""
    yield


def torch_models() -> dict[str, Callable[[], tuple[Any, Step]]]:
    """A model, and a step of its training."""
    import torch
    from torch import nn

    torch.set_num_threads(1)

    def stepper(model: Any, data: Any) -> tuple[Any, Step]:
        optimizer = torch.optim.Adam(model.parameters())

        def step() -> float:
            optimizer.zero_grad()
            loss = (model(data) - 1.0).square().mean()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            return loss.item()

        return model, step

    def mlp(width: int, batch: int) -> tuple[Any, Step]:
        torch.manual_seed(0)
        hidden = [nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.1)]
        model = nn.Sequential(nn.Linear(784, width), nn.ReLU(), *hidden, nn.Linear(width, 1))
        return stepper(model, torch.ones(batch, 784))

    def transformer(width: int, length: int) -> tuple[Any, Step]:
        torch.manual_seed(0)
        layers = [nn.TransformerEncoderLayer(width, 4, width * 4, 0.1, batch_first=True) for _ in range(4)]
        return stepper(nn.Sequential(*layers, nn.Linear(width, 1)), torch.ones(8, length, width))

    return {
        "MLP": lambda: mlp(256, 64),
        "transformer": lambda: transformer(128, 64),
        "tiny MLP": lambda: mlp(4, 2),
    }


def torch_ways() -> dict[str, Way]:
    """How to look at PyTorch's gradients."""
    import torch

    from whygrad.recorders.torch import Torch

    ways: dict[str, Way] = {
        "plain": plain,
        "run": lambda model: resting(Torch),
        "run --watch": lambda model: watching(Torch),
        "each step": lambda model: watching(Torch, always=True),
        "anomaly mode": lambda model: torch.autograd.set_detect_anomaly(True),
    }
    if importlib.util.find_spec("wandb") is not None:
        ways["wandb.watch"] = _wandb
    return ways | {"plain again": plain}


@contextmanager
def _wandb(model: Any) -> Iterator[None]:
    """Histograms of gradients and weights, every hundredth step."""
    import wandb

    with tempfile.TemporaryDirectory() as root, wandb.init(project="bench", dir=root) as run:
        run.watch(model, log="all", log_freq=100)
        original = model.forward

        def forward(*args: Any) -> Any:
            run.log({})  # hands over what was collected, as a script that logs its loss does
            return original(*args)

        model.forward = forward
        try:
            yield
        finally:
            del model.forward
            run.unwatch(model)


def tensorflow_models() -> dict[str, Callable[[], tuple[Any, Step]]]:
    """A model, and a step of its training: eager, and compiled."""
    import keras
    import tensorflow as tf

    def mlp(compiled: bool) -> tuple[Any, Step]:
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(256, "relu"), keras.layers.Dense(256, "relu"), keras.layers.Dense(1)]
        model, optimizer = keras.Sequential([keras.Input((784,)), *layers]), keras.optimizers.Adam()
        data = tf.ones((64, 784))
        optimizer.build(model.trainable_variables)

        def train() -> Any:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(model(data) - 1.0))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            return loss

        run = tf.function(train) if compiled else train
        return model, lambda: float(run())

    return {"eager MLP": lambda: mlp(False), "compiled MLP": lambda: mlp(True)}


def tensorflow_ways() -> dict[str, Way]:
    """How to look at TensorFlow's gradients."""
    import tensorflow as tf

    from whygrad.recorders.tensorflow import TensorFlow

    @contextmanager
    def numerics(_: Any) -> Iterator[None]:
        tf.debugging.enable_check_numerics()
        try:
            yield
        finally:
            tf.debugging.disable_check_numerics()

    return {
        "plain": plain,
        "run": lambda model: resting(TensorFlow),
        "run --watch": lambda model: watching(TensorFlow),
        "each step": lambda model: watching(TensorFlow, always=True),
        "check_numerics": numerics,
        "plain again": plain,
    }


def block(way: Way, make: Callable[[], tuple[Any, Step]], steps: int) -> tuple[float, float]:
    """CPU seconds of some steps, and the last loss."""
    model, step = make()
    with way(model):
        for _ in range(3):
            step()  # what is set up once per run is not the cost of a step
        start = time.process_time()
        for _ in range(steps):
            loss = step()
        return time.process_time() - start, loss


PEERS = frozenset(("anomaly mode", "wandb.watch", "check_numerics"))


def main() -> None:
    """Measure and print."""
    framework = sys.argv[1] if len(sys.argv) > 1 else "torch"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    models, ways = _FRAMEWORKS[framework]
    made = ways()
    print("| step | " + " | ".join(list(made)[1:]) + " | losses |\n| --- |" + " --- |" * len(made), flush=True)
    for name, make in models().items():
        steps = max(int(SECONDS * 50 / block(plain, make, 50)[0]), 20)
        times: dict[str, list[float]] = {way: [] for way in made}
        losses = set()
        for _ in range(rounds):
            for way, measure in made.items():
                seconds, loss = block(measure, make, steps)
                times[way].append(seconds / steps)
                if way not in PEERS:  # some of these compute otherwise
                    losses.add(loss)
        low, mid = min(times["plain"]), statistics.median(times["plain"])
        cells = [f"{min(t) / low:.3f} ({statistics.median(t) / mid:.3f})" for n, t in times.items() if n != "plain"]
        words = "the same" if len(losses) == 1 else "DIFFERENT"
        print(f"| {name}, {low * 1e3:.2f} ms | " + " | ".join(cells) + f" | {words} |", flush=True)


_FRAMEWORKS: dict[str, tuple[Callable[[], Any], Callable[[], dict[str, Way]]]] = {
    "torch": (torch_models, torch_ways),
    "tensorflow": (tensorflow_models, tensorflow_ways),
}

if __name__ == "__main__":
    main()
