"""Keras on any of its back ends: models of ``keras.ops`` and layers, trained by ``fit`` or ``train_on_batch``."""

from __future__ import annotations

from agreement.dialects.keras_plants import BY_VALUE as BY_VALUE
from agreement.dialects.keras_plants import DEBATABLE as DEBATABLE
from agreement.dialects.keras_plants import FADING as FADING
from agreement.dialects.keras_plants import FAULTS as FAULTS
from agreement.dialects.keras_plants import HARMLESS as HARMLESS
from agreement.dialects.keras_plants import MAKING_FAULTS as MAKING_FAULTS
from agreement.dialects.keras_plants import NOTED as NOTED
from agreement.dialects.keras_plants import TOLD as TOLD
from agreement.dialects.keras_plants import TRAINING_FAULTS as TRAINING_FAULTS
from agreement.dialects.keras_plants import ZEROS as ZEROS
from agreement.dialects.tensorflow import OPTIMIZERS as OPTIMIZERS
from agreement.dialects.tensorflow import room as room
from agreement.grammar import Program
from agreement.writing import indented

HEAD = "dense"
IMPORTS = ("import random", "", "import keras", "import numpy as np", "from keras import layers, ops")
ACTS = {
    "tanh": "ops.tanh({h})",
    "gelu": "keras.activations.gelu({h})",
    "silu": "ops.silu({h})",
    "sigmoid": "ops.sigmoid({h})",
    "softplus": "ops.softplus({h})",
    "scaled": "0.5 * {h}",
    "squared": "ops.tanh({h}) ** 2 + 0.1",
    "softmax": "ops.softmax({h}, axis=-1)",
    "clamped": "ops.clip({h}, -50.0, 50.0)",
}
# One number added to all of a row changes no softmax of it: a convolution of one channel has no bias.
LAYERS = {
    "dense": "layers.Dense(4)",
    "stack": 'keras.Sequential([layers.Dense(5, activation="tanh"), layers.Dense(4)])',
    "norm": "layers.LayerNormalization()",
    "scale": 'self.add_weight(shape=(4,), initializer="ones", name="{n}")',
    "weight": 'self.add_weight(shape=(4, 4), name="{n}")',
    "many": "[layers.Dense(4), layers.Dense(4)]",
    "gru": "layers.GRU(4)",
    "lstm": "layers.LSTM(4, return_sequences=True)",
    "attention": "layers.MultiHeadAttention(2, 2)",
    "conv": 'layers.Conv1D(1, 3, padding="same", use_bias=False)',
    "batchnorm": "layers.BatchNormalization()",
    "embedding": "layers.Embedding(6, 4)",
    "groups": "layers.GroupNormalization(2)",
    "rms": "layers.RMSNormalization()",
    "einsum": 'layers.EinsumDense("bi,ij->bj", 4, bias_axes="j")',
    "separable": 'layers.SeparableConv1D(1, 3, padding="same", use_bias=False)',
    "timed": "layers.TimeDistributed(layers.Dense(4))",
    "both": "layers.Bidirectional(layers.SimpleRNN(4), merge_mode='ave')",
}
CALLS = {
    "scale": "ops.multiply({h}, {o}.{n})",
    "weight": "ops.matmul({h}, {o}.{n})",
    "many": "{o}.{n}[1]({o}.{n}[0]({h}))",
    "gru": "{o}.{n}({h}[..., None])",
    "lstm": "{o}.{n}({h}[None])[0]",
    "attention": "{o}.{n}({h}[None], {h}[None])[0]",
    "conv": "{o}.{n}({h}[..., None])[..., 0]",
    "separable": "{o}.{n}({h}[..., None])[..., 0]",
    "timed": "{o}.{n}({h}[None])[0]",
    "batchnorm": "{o}.{n}({h}, training=True)",
    "embedding": "{h} + {o}.{n}(ops.arange(6))",
    "both": "{o}.{n}({h}[..., None])",
}
JOINS = {
    "add": "{a} + {b}",
    "gate": "{a} * ops.sigmoid({b})",
    "mean": "ops.mean(ops.stack([{a}, {b}]), axis=0)",
    "halves": "ops.concatenate([{a}[:, :2], {b}[:, 2:]], axis=1)",
    "where": "ops.where(ops.arange(4) < 2, {a}, {b})",
}
EXTRAS = ("metric", "clipping", "callback")


def settled(program: Program) -> Program:
    """Every fault is possible in every training."""
    return program


# -- the script ---------------------------------------------------------------------------------------------------


def _compiled(program: Program, more: str = "") -> str:
    losses = '"mse"' if program.heads == 1 else '["mse", "mse"]'
    metrics = '["mae"]' if program.heads == 1 else '["mae", "mae"]'
    measured = f", metrics={metrics}" if "metric" in program.extras else ""
    return f"model.compile(optimizer=optimizer, loss={losses}{measured}{more})"


def _given(program: Program) -> str:
    return "y" if program.heads == 1 else "(y, y)"


def _fit(program: Program, more: str = "") -> list[str]:
    heard = ", callbacks=[keras.callbacks.TerminateOnNaN()]" if "callback" in program.extras else ""
    return [
        _compiled(program, more),
        f"run = model.fit(x, {_given(program)}, batch_size=6, epochs={program.steps}, verbose=0{heard})",
        'loss = run.history["loss"][-1]',
    ]


def _eager(program: Program) -> list[str]:
    return _fit(program, ", run_eagerly=True")


def _batch(program: Program) -> list[str]:
    return [
        _compiled(program),
        f"for step in range({program.steps}):",
        f"    given = model.train_on_batch(x, {_given(program)})",
        "    loss = given[0] if isinstance(given, (list, tuple)) else given",
    ]


TRAININGS = {"fit": _fit, "eager": _eager, "batch": _batch}


def training(program: Program) -> list[str]:
    """The script below the classes; it leaves ``model``, ``x`` and ``y`` behind."""
    optimizer = OPTIMIZERS[program.optimizer]
    if "clipping" in program.extras:
        optimizer = optimizer.replace(")", ", clipnorm=10.0)")
    lines = [
        f"keras.utils.set_random_seed({program.seed})",
        "model = Net()",
        f"optimizer = {optimizer}",
        'x = np.random.normal(size=(6, 4)).astype("float32")',
        'y = np.random.uniform(size=(6, 4)).astype("float32")',
        *TRAININGS[program.training](program),
        'print("done", float(loss))',
    ]
    if not program.wrapped:
        return lines
    return ["def train():", *indented([*lines, "return model, x, y"]), "", "", "model, x, y = train()"]
