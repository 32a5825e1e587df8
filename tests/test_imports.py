"""How a file speaks of a module."""

from __future__ import annotations

from pathlib import Path

import pytest

from whygrad import imports


@pytest.mark.parametrize(
    ("text", "module", "said"),
    [
        ("import torch\n", "torch.nn", "torch.nn"),
        ("import torch.nn as nn\n", "torch.nn", "nn"),
        ("import torch\nfrom torch import nn\n", "torch.nn.Parameter", "nn.Parameter"),
        ("from torch.nn import Linear, Parameter as P\n", "torch.nn.Parameter", "P"),
        ("from torch.nn import Linear\n", "torch.nn.Parameter", None),
        ("import torch.nn.functional as F\n", "torch.nn.Parameter", None),
        ("import torch.nn.functional\n", "torch.nn.Parameter", "torch.nn.Parameter"),
        ("import torchvision\n", "torch.nn", None),
        ("from .torch import nn\n", "torch.nn", None),
        ("def f():\n    import torch\n", "torch.nn", None),
        ("import jax.numpy as jnp, numpy as np\n", "jax.numpy", "jnp"),
        ("not python at all\n", "torch", None),
    ],
)
def test_what_a_file_calls_a_module(tmp_path: Path, text: str, module: str, said: str | None) -> None:
    file = tmp_path / "train.py"
    file.write_text(text, "utf-8")
    assert imports.spelled(str(file), module) == said


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert imports.spelled(str(tmp_path / "none.py"), "torch") is None
