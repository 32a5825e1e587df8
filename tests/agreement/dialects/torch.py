"""PyTorch: modules, and the script that trains them."""

from __future__ import annotations

from dataclasses import replace

from agreement.dialects.torch_plants import BY_VALUE as BY_VALUE
from agreement.dialects.torch_plants import DEBATABLE as DEBATABLE
from agreement.dialects.torch_plants import FADING as FADING
from agreement.dialects.torch_plants import FAULTS as FAULTS
from agreement.dialects.torch_plants import HARMLESS as HARMLESS
from agreement.dialects.torch_plants import MAKING_FAULTS as MAKING_FAULTS
from agreement.dialects.torch_plants import TOLD as TOLD
from agreement.dialects.torch_plants import TRAINING_FAULTS as TRAINING_FAULTS
from agreement.dialects.torch_plants import ZEROS as ZEROS
from agreement.grammar import Program
from agreement.writing import Room, class_of, head, indented

HEAD = "linear"
IMPORTS = (
    "import math",
    "import random",
    "",
    "import numpy as np",
    "import torch",
    "import torch.nn as nn",
    "import torch.nn.functional as F",
    "from torch.utils.checkpoint import checkpoint",
)
ACTS = {
    "tanh": "torch.tanh({h})",
    "gelu": "F.gelu({h})",
    "silu": "F.silu({h})",
    "method": "({h}).sigmoid()",
    "softplus": "F.softplus({h})",
    "scaled": "0.5 * {h}",
    "squared": "torch.tanh({h}) ** 2 + 0.1",
    "softmax": "torch.softmax({h}, dim=-1)",
    "clamped": "torch.clamp({h}, -50.0, 50.0)",
}
LAYERS = {
    "linear": "nn.Linear(4, 4)",
    "stack": "nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 4))",
    "norm": "nn.LayerNorm(4)",
    "scale": "nn.Parameter(torch.rand(4) + 0.5)",
    "weight": "nn.Parameter(torch.randn(4, 4) * 0.5)",
    "many": "nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])",
    "gru": "nn.GRU(1, 4, batch_first=True)",
    "lstm": "nn.LSTM(4, 4, num_layers=2)",
    "attention": "nn.MultiheadAttention(4, 2, batch_first=True)",
    "encoder": "nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)",
    "conv": "nn.Conv1d(1, 1, 3, padding=1)",
    "batchnorm": "nn.BatchNorm1d(4)",
    "embedding": "nn.Embedding(6, 4)",
    "weightnorm": "nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))",
}
CALLS = {
    "gru": "{o}.{n}({h}[..., None])[0][:, -1]",
    "lstm": "{o}.{n}({h}[:, None])[0][:, 0]",
    "attention": "{o}.{n}({h}[None], {h}[None], {h}[None], need_weights=False)[0][0]",
    "encoder": "{o}.{n}({h}[None])[0]",
    "conv": "{o}.{n}({h}[:, None]).squeeze(1)",
    "embedding": "{h} + {o}.{n}(torch.arange(6))",
    "scale": "{h} * {o}.{n}",
    "weight": "{h} @ {o}.{n}",
    "many": "{o}.{n}[1]({o}.{n}[0]({h}))",
}
JOINS = {
    "add": "{a} + {b}",
    "gate": "{a} * torch.sigmoid({b})",
    "mean": "torch.stack([{a}, {b}]).mean(0)",
    "halves": "torch.cat([{a}[:, :2], {b}[:, 2:]], dim=1)",
    "where": "torch.where(torch.arange(4) < 2, {a}, {b})",
}
EXTRAS = ("logging", "metric", "evaluation", "teacher", "clipping", "numpy", "clamped", "average")
OPTIMIZERS = {
    "sgd": "torch.optim.SGD({p}, lr=0.05)",
    "adam": "torch.optim.Adam({p}, lr=0.01)",
    "momentum": "torch.optim.SGD({p}, lr=0.01, momentum=0.9)",
    "groups": 'torch.optim.AdamW([{{"params": list({p})}}], lr=0.01)',
}


def settled(program: Program) -> Program:
    """What a value decides takes a few steps to show, and not every fault is possible in every training."""
    if program.fault == "cleared" or (program.fault or "").startswith("numpy"):  # NumPy has no bfloat16
        program = replace(program, training="backward")
    if program.fault == "replaced-head" and program.training == "grad":  # a known hole, see docs/limits.md
        program = replace(program, training="backward")
    return replace(program, steps=6) if program.fault in BY_VALUE else program


def room(place: Room, lines: list[str]) -> list[str]:
    """A module's class."""
    return class_of(place, "nn.Module", "def forward(self, h):", lines)


# -- the script ---------------------------------------------------------------------------------------------------


def _losses(program: Program) -> list[str]:
    names = [head(index)[1] for index in range(program.heads)]
    called = f"{', '.join(names)} = model(x)"
    dropped = program.fault == "second-head-dropped" and program.heads == 2
    lines = [f"{called}{'  #: unused-output' if dropped else ''}"]
    if program.fault == "forward-unrecorded":
        lines = ["with torch.no_grad():  #: recording-off", f"    {called}  #: recording-off"]
    if program.fault == "output-detached":
        lines.append("out0 = out0.detach()  #: stop-gradient")
    used = names[:1] if dropped else names
    loss = " + ".join(f"F.mse_loss({name}, y)" for name in used)
    lines.append(f"loss = {loss}{'  #: unused-output' if dropped else ''}")
    if program.fault == "loss-item":
        lines.append("loss = torch.tensor(loss.item(), requires_grad=True)  #: left-framework")
    if program.fault == "loss-detached":
        lines.append("loss = loss.detach().requires_grad_()  #: stop-gradient")
    return lines


_EXTRA_STEPS = {
    "logging": ["history.append(loss.item())"],
    "metric": ["hits = (out0.argmax(dim=-1) == y.argmax(dim=-1)).float().mean()"],
    "evaluation": ["with torch.no_grad():", "    model.eval()", "    model(x)", "    model.train()"],
    "numpy": ["history.append(float(np.mean(out0.detach().numpy())))"],
    "clamped": ["with torch.no_grad():", "    for p in model.parameters():", "        p.clamp_(-5.0, 5.0)"],
    "average": [
        "with torch.no_grad():",
        "    for p, q in zip(model.parameters(), averaged.parameters()):",
        "        q.lerp_(p, 0.1)",
    ],
}


def _backward(program: Program) -> list[str]:
    return ["optimizer.zero_grad()", *_losses(program), "loss.backward()"]


def _autocast(program: Program) -> list[str]:
    losses = indented(_losses(program))
    return ["optimizer.zero_grad()", 'with torch.autocast("cpu"):', *losses, "loss.backward()"]


def _late_zero(program: Program) -> list[str]:
    return [*_losses(program), "model.zero_grad()", "loss.backward()"]


def _grad(program: Program) -> list[str]:
    return [
        *_losses(program),
        "params = list(model.parameters())",
        "grads = torch.autograd.grad(loss, params, allow_unused=True)",
        "for p, g in zip(params, grads):",
        "    p.grad = g",
    ]


def _accumulated(program: Program) -> list[str]:
    return [
        "optimizer.zero_grad()",
        "for half in range(2):",
        *indented([*_losses(program), "(loss / 2).backward()"]),
    ]


TRAININGS = {
    "backward": _backward,
    "late-zero": _late_zero,
    "grad": _grad,
    "accumulated": _accumulated,
    "autocast": _autocast,
}


def training(program: Program) -> list[str]:
    """The script below the classes; it leaves ``model`` and ``optimizer`` behind."""
    step = TRAININGS[program.training](program)
    if program.fault == "other-model":
        asks = ("loss.backward()", "(loss / 2).backward()", "grads = torch.autograd.grad")
        step = [f"{line}  #: wrong-source" if line.strip().startswith(asks) else line for line in step]
    if "clipping" in program.extras:
        step.append("nn.utils.clip_grad_norm_(model.parameters(), 10.0)")
    if program.fault == "cleared":
        step.append("optimizer.zero_grad()  #: not-updated")
    mark = "  #: not-called, wrong-source" if program.fault == "other-model" else ""
    step.append(f"optimizer.step(){mark}")
    for extra in program.extras:
        step += _EXTRA_STEPS.get(extra, [])
    if "teacher" in program.extras:
        at = next(i for i, line in enumerate(step) if line.strip().startswith("loss ="))
        margin = step[at][: len(step[at]) - len(step[at].lstrip())]
        step.insert(at + 1, f"{margin}loss = loss + 0.1 * F.mse_loss(out0, teacher(x))")
    lines = [f"{function}({program.seed})" for function in ("random.seed", "np.random.seed", "torch.manual_seed")]
    lines.append("model = Net()")
    if "teacher" in program.extras:
        lines += ["teacher = nn.Linear(4, 4)", "for p in teacher.parameters():", "    p.requires_grad_(False)"]
    if "average" in program.extras:
        lines += ["averaged = Net()", "averaged.load_state_dict(model.state_dict())"]
    if program.fault == "frozen-all":
        lines += ["for p in model.parameters():", "    p.requires_grad = False  #: frozen"]
    held = "model.parameters()"
    if program.fault == "other-model":
        lines.append("other = Net()  #: wrong-source, replaced-parameter, not-called")
        held = "other.parameters()"
    mark = "  #: wrong-source, replaced-parameter, not-called" if program.fault == "other-model" else ""
    optimizer = OPTIMIZERS[program.optimizer].format(p=held)
    if program.fault == "no-rate":
        optimizer, mark = optimizer.replace("lr=0.0", "lr=0.0 * 0."), "  #: not-updated"
    lines.append(f"optimizer = {optimizer}{mark}")
    if program.fault == "replaced-head":
        lines.append("model.head0 = nn.Linear(4, 4)  #: replaced-parameter, not-updated")
    lines += ["x = torch.randn(6, 4)", "y = torch.rand(6, 4)", "history = []"]
    lines += [f"for step in range({program.steps}):", *indented(step)]
    lines.append('print("done", loss.item())')
    if not program.wrapped:
        return lines
    return ["def train():", *indented([*lines, "return model, optimizer"]), "", "", "model, optimizer = train()"]
