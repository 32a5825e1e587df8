"""TensorFlow with Keras: models, and the script that trains them by a tape, in a ``tf.function``, or by ``fit``."""

from __future__ import annotations

import re
from dataclasses import replace

from agreement.dialects.tensorflow_plants import BY_VALUE as BY_VALUE
from agreement.dialects.tensorflow_plants import DEBATABLE as DEBATABLE
from agreement.dialects.tensorflow_plants import EAGER
from agreement.dialects.tensorflow_plants import FADING as FADING
from agreement.dialects.tensorflow_plants import FAULTS as FAULTS
from agreement.dialects.tensorflow_plants import HARMLESS as HARMLESS
from agreement.dialects.tensorflow_plants import MAKING_FAULTS as MAKING_FAULTS
from agreement.dialects.tensorflow_plants import NOTED as NOTED
from agreement.dialects.tensorflow_plants import TOLD as TOLD
from agreement.dialects.tensorflow_plants import TRAINING_FAULTS as TRAINING_FAULTS
from agreement.dialects.tensorflow_plants import ZEROS as ZEROS
from agreement.grammar import Program
from agreement.writing import Room, class_of, head, indented

HEAD = "dense"
IMPORTS = ("import math", "import random", "", "import keras", "import numpy as np", "import tensorflow as tf")
ACTS = {
    "tanh": "tf.tanh({h})",
    "gelu": "keras.activations.gelu({h})",
    "silu": "tf.nn.silu({h})",
    "sigmoid": "keras.ops.sigmoid({h})",
    "softplus": "tf.nn.softplus({h})",
    "scaled": "0.5 * {h}",
    "squared": "tf.tanh({h}) ** 2 + 0.1",
    "softmax": "tf.nn.softmax({h}, axis=-1)",
    "clamped": "tf.clip_by_value({h}, -50.0, 50.0)",
}
# One number added to all of a row changes no softmax of it: a convolution of one channel has no bias.
LAYERS = {
    "dense": "keras.layers.Dense(4)",
    "stack": 'keras.Sequential([keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(4)])',
    "norm": "keras.layers.LayerNormalization()",
    "scale": 'self.add_weight(shape=(4,), initializer="ones", name="{n}")',
    "weight": 'self.add_weight(shape=(4, 4), name="{n}")',
    "many": "[keras.layers.Dense(4), keras.layers.Dense(4)]",
    "gru": "keras.layers.GRU(4)",
    "lstm": "keras.layers.LSTM(4, return_sequences=True)",
    "attention": "keras.layers.MultiHeadAttention(2, 2)",
    "conv": 'keras.layers.Conv1D(1, 3, padding="same", use_bias=False)',
    "batchnorm": "keras.layers.BatchNormalization()",
    "embedding": "keras.layers.Embedding(6, 4)",
    "groups": "keras.layers.GroupNormalization(2)",
    "rms": "keras.layers.RMSNormalization()",
    "einsum": 'keras.layers.EinsumDense("bi,ij->bj", 4, bias_axes="j")',
    "separable": 'keras.layers.SeparableConv1D(1, 3, padding="same", use_bias=False)',
    "timed": "keras.layers.TimeDistributed(keras.layers.Dense(4))",
}
CALLS = {
    "gru": "{o}.{n}({h}[..., None])",
    "lstm": "{o}.{n}({h}[None])[0]",
    "attention": "{o}.{n}({h}[None], {h}[None])[0]",
    "conv": "{o}.{n}({h}[..., None])[..., 0]",
    "separable": "{o}.{n}({h}[..., None])[..., 0]",
    "timed": "{o}.{n}({h}[None])[0]",
    "batchnorm": "{o}.{n}({h}, training=True)",
    "embedding": "{h} + {o}.{n}(tf.range(6))",
    "scale": "{h} * {o}.{n}",
    "weight": "{h} @ {o}.{n}",
    "many": "{o}.{n}[1]({o}.{n}[0]({h}))",
}
JOINS = {
    "add": "{a} + {b}",
    "gate": "{a} * tf.sigmoid({b})",
    "mean": "tf.reduce_mean(tf.stack([{a}, {b}]), axis=0)",
    "halves": "tf.concat([{a}[:, :2], {b}[:, 2:]], axis=1)",
    "where": "tf.where(tf.range(4) < 2, {a}, {b})",
}
EXTRAS = ("logging", "metric", "evaluation", "teacher", "clipping", "penalty", "persistent", "schedule", "average")
OPTIMIZERS = {
    "sgd": "keras.optimizers.SGD(0.05)",
    "adam": "keras.optimizers.Adam(0.01)",
    "momentum": "keras.optimizers.SGD(0.01, momentum=0.9)",
}


# The trainings in which Keras makes the loss.
BY_KERAS = ("fit", "batch")


def settled(program: Program) -> Program:
    """A graph holds no NumPy, and ``fit`` has no loss of the script's own; what a value decides takes a few steps."""
    if program.fault:  # what asks for a gradient otherwise is for healthy programs
        kept = (extra for extra in program.extras if extra not in ("penalty", "persistent"))
        program = replace(program, extras=tuple(kept))
    if program.fault == "cut-short":  # gradients that went through other hands are a known hole, see docs/limits.md
        program = replace(program, training="tape", extras=(), steps=6)
    if program.fault in BY_VALUE:
        looped = any(kind in repr(program.body) for kind in ("'gru'", "'lstm'"))  # a known hole, see docs/limits.md
        return replace(program, steps=6, training="tape" if looped else program.training)
    if program.fault in EAGER:
        return replace(program, training="tape")
    if program.training in BY_KERAS and program.fault in TRAINING_FAULTS:
        return replace(program, training="function")
    return program


def room(place: Room, lines: list[str]) -> list[str]:
    """The class of a model or a layer."""
    return class_of(place, f"keras.{'Model' if place.name == 'Net' else 'layers.Layer'}", "def call(self, h):", lines)


# -- the script ---------------------------------------------------------------------------------------------------


def _losses(program: Program) -> list[str]:
    """The lines under the tape."""
    names = [head(index)[1] for index in range(program.heads)]
    dropped = program.fault == "second-head-dropped" and program.heads == 2
    lines = [] if program.fault == "forward-unrecorded" else [_forward(program)]
    if program.fault == "recording-stopped":
        lines = ["with tape.stop_recording():  #: recording-off", f"    {_forward(program)}  #: recording-off"]
    if program.fault == "output-detached":
        lines.append("out0 = tf.stop_gradient(out0)  #: stop-gradient")
    loss = " + ".join(f"tf.reduce_mean((y - {name}) ** 2)" for name in (names[:1] if dropped else names))
    lines.append(f"loss = {loss}{'  #: unused-output' if dropped else ''}")
    if "teacher" in program.extras:
        lines.append("loss += 0.1 * tf.reduce_mean((tf.stop_gradient(teacher(x)) - out0) ** 2)")
    if "penalty" in program.extras:
        lines.append("loss += 0.001 * tf.add_n([tf.nn.l2_loss(v) for v in model.trainable_variables])")
    if program.fault == "other-model":
        lines[-1] += "  #: not-called"
    if program.fault == "loss-float":
        lines.append("loss = tf.constant(float(loss))  #: left-framework")
    return lines


def _forward(program: Program) -> str:
    names = [head(index)[1] for index in range(program.heads)]
    marks = {"second-head-dropped": "  #: unused-output", "forward-unrecorded": "  #: recording-off"}
    return f"{', '.join(names)} = model(x){marks.get(program.fault or '', '')}"


def _step(program: Program) -> list[str]:
    early = [_forward(program)] if program.fault == "forward-unrecorded" else []
    late = "  #: recording-off" if early else ""
    held, mark = ("other", "  #: wrong-source, not-called") if program.fault == "other-model" else ("model", "")
    kept = "persistent=True" if "persistent" in program.extras else ""
    step = [
        *early,
        f"with tf.GradientTape({kept}) as tape:{late}",
        *indented(_losses(program)),
        f"grads = tape.gradient(loss, {held}.trainable_variables){mark}",
    ]
    if kept:
        step += [f"slopes = tape.gradient(out0, {held}.trainable_variables){mark}", "del tape"]
    if "clipping" in program.extras:
        step.append("grads, _ = tf.clip_by_global_norm(grads, 10.0)")
    given = f"{held}.trainable_variables"
    if program.fault == "cut-short":
        step.append(f"variables = {given}[:-1]  #: not-updated")
        given, mark = "variables", "  #: not-updated"
    return [*step, f"optimizer.apply_gradients(zip(grads, {given})){mark}"]


def _tape(program: Program) -> list[str]:
    return [f"for step in range({program.steps}):", *indented(_step(program)), *indented(_after(program))]


def _traced(program: Program) -> list[str]:
    return [
        "@tf.function",
        "def train_step(x, y):",
        *indented([*_step(program), "return loss, out0, grads"]),
        "",
        "",
        f"for step in range({program.steps}):",
        "    loss, out0, grads = train_step(x, y)",
        *indented(_after(program)),
    ]


def _batch(program: Program) -> list[str]:
    return [
        _compiled(program),
        f"for step in range({program.steps}):",
        f"    loss = model.train_on_batch(x, {'y' if program.heads == 1 else '(y, y)'}, return_dict=True)['loss']",
    ]


def _accumulated(program: Program) -> list[str]:
    """Steps of two turns each; the model is built before, so that there are variables to add up for."""
    *turn, applied = _step(program)
    return [
        "model(x)",
        f"for step in range({program.steps}):",
        "    sums = [tf.zeros_like(v) for v in model.trainable_variables]",
        "    for half in range(2):",
        *indented(indented(turn)),
        "        sums = [s if g is None else s + tf.convert_to_tensor(g) for s, g in zip(sums, grads)]",
        f"    {applied.replace('zip(grads', 'zip(sums')}",
        *indented(_after(program)),
    ]


def _trainer(program: Program) -> list[str]:
    """A model with a training step of its own."""
    return [
        "class Trainer(keras.Model):",
        "    def __init__(self, net):",
        "        super().__init__()",
        "        self.net = net",
        "",
        "    def call(self, x):",
        "        return self.net(x)",
        "",
        "    def train_step(self, data):",
        "        x, y = data",
        "        model, optimizer = self.net, self.optimizer",
        *indented(indented([*_step(program), 'return {"loss": loss}'])),
        "",
        "",
        "trainer = Trainer(model)",
        "trainer.compile(optimizer=optimizer)",
        f"run = trainer.fit(x, y, batch_size=6, epochs={program.steps}, verbose=0)",
        'loss = run.history["loss"][-1]',
    ]


def _compiled(program: Program) -> str:
    losses = '"mse"' if program.heads == 1 else '["mse", "mse"]'
    return f"model.compile(optimizer=optimizer, loss={losses})"


def _fit(program: Program) -> list[str]:
    given = "y" if program.heads == 1 else "(y, y)"
    return [
        _compiled(program),
        f"run = model.fit(x, {given}, batch_size=6, epochs={program.steps}, verbose=0)",
        'loss = run.history["loss"][-1]',
    ]


def _after(program: Program) -> list[str]:
    return [line for extra in program.extras for line in _EXTRA_STEPS.get(extra, [])]


_EXTRA_STEPS = {
    "logging": ["history.append(float(loss))"],
    "metric": [
        "hits = tf.reduce_mean(tf.cast(tf.argmax(out0, axis=-1) == tf.argmax(y, axis=-1), tf.float32))",
    ],
    "evaluation": ["model(x, training=False)"],
    "average": [
        "averages = averages or [tf.Variable(v) for v in model.trainable_variables]",
        "for average, v in zip(averages, model.trainable_variables):",
        "    average.assign(0.9 * average + 0.1 * v)",
    ],
}
TRAININGS = {
    "tape": _tape,
    "function": _traced,
    "trainer": _trainer,
    "fit": _fit,
    "batch": _batch,
    "accumulated": _accumulated,
}


def training(program: Program) -> list[str]:
    """The script below the classes; it leaves ``model``, and ``grads`` if it asked for them, behind."""
    lines = [f"keras.utils.set_random_seed({program.seed})", "model = Net()"]
    if "teacher" in program.extras:
        lines += ["teacher = keras.layers.Dense(4)", "teacher.trainable = False"]
    if program.fault == "other-model":
        lines += ["other = Net()  #: wrong-source, not-called", "other(tf.zeros((6, 4)))"]
    optimizer = OPTIMIZERS[program.optimizer]
    if program.fault == "no-rate":
        optimizer = optimizer.replace("(0.0", "(0.0 * 0.0") + "  #: not-updated"
    elif "schedule" in program.extras:
        schedule = r"(keras.optimizers.schedules.ExponentialDecay(\1, 10, 0.9)"
        optimizer = re.sub(r"\((0\.0\d)", schedule, optimizer)
    lines += [
        f"optimizer = {optimizer}",
        "x = tf.random.normal((6, 4))",
        "y = tf.random.uniform((6, 4))",
        "history, averages, grads = [], [], None",
        *TRAININGS[program.training](program),
        'print("done", float(loss))',
    ]
    if not program.wrapped:
        return lines
    return ["def train():", *indented([*lines, "return model, grads, x, y"]), "", "", "model, grads, x, y = train()"]
