"""PyTorch: modules, and the script that trains them."""

from __future__ import annotations

from agreement.dialects.torch_plants import BY_VALUE as BY_VALUE
from agreement.dialects.torch_plants import DEBATABLE as DEBATABLE
from agreement.dialects.torch_plants import FADING as FADING
from agreement.dialects.torch_plants import FAULTS as FAULTS
from agreement.dialects.torch_plants import HARMLESS as HARMLESS
from agreement.dialects.torch_plants import MAKING_FAULTS as MAKING_FAULTS
from agreement.dialects.torch_plants import NOTED as NOTED
from agreement.dialects.torch_plants import TOLD as TOLD
from agreement.dialects.torch_plants import TRAINING_FAULTS as TRAINING_FAULTS
from agreement.dialects.torch_plants import ZEROS as ZEROS
from agreement.dialects.torch_script import EXTRAS as EXTRAS
from agreement.dialects.torch_script import OPTIMIZERS as OPTIMIZERS
from agreement.dialects.torch_script import TRAININGS as TRAININGS
from agreement.dialects.torch_script import settled as settled
from agreement.dialects.torch_script import training as training
from agreement.writing import Room, class_of

HEAD = "linear"
IMPORTS = (
    "import copy",
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
# One number added to all of a row changes no softmax of it: a convolution of one channel has no bias.
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
    "conv": "nn.Conv1d(1, 1, 3, padding=1, bias=False)",
    "batchnorm": "nn.BatchNorm1d(4)",
    "embedding": "nn.Embedding(6, 4)",
    "spectral": "nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))",
    "groups": "nn.GroupNorm(2, 4)",
    "cell": "nn.LSTMCell(4, 4)",
    "named": 'nn.ModuleDict({{"in": nn.Linear(4, 4), "out": nn.Linear(4, 4)}})',
    "listed": "nn.ParameterList([torch.rand(4), torch.rand(4)])",
    "bilinear": "nn.Bilinear(4, 4, 4)",
    "weightnorm": "nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))",
}
CALLS = {
    "cell": "{o}.{n}({h}, ({h}, {h}))[0]",
    "named": '{o}.{n}["out"]({o}.{n}["in"]({h}))',
    "listed": "{h} * {o}.{n}[0] + {o}.{n}[1]",
    "bilinear": "{o}.{n}({h}, {h})",
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


def room(place: Room, lines: list[str]) -> list[str]:
    """A module's class."""
    return class_of(place, "nn.Module", "def forward(self, h):", lines)
