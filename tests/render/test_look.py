from __future__ import annotations

from pathlib import Path

import pytest
from rich.text import Text

from whygrad.render.look import THEME, Look, paint


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("/work/project/train.py", "train.py"),
        ("/work/project/nets/net.py", str(Path("nets", "net.py"))),
        ("/work/projects/train.py", "/work/projects/train.py"),
        ("/opt/lib/block.py", "/opt/lib/block.py"),
        ("train.py", "train.py"),
        ("../train.py", "../train.py"),
        ("<stdin>", "<stdin>"),
        ("", ""),
    ],
)
def test_paths_inside_the_working_directory_are_relative(file: str, told: str) -> None:
    assert Look(cwd="/work/project").path(file) == told


def test_the_working_directory_is_the_present_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Look().path(str(Path.cwd() / "train.py")) == "train.py"


def test_lines_are_neither_wrapped_nor_read_as_markup() -> None:
    lines = [Text("[red]" + "long " * 50 + "end"), Text(), Text(":smile:", "error")]
    assert paint(lines, Look(width=20)) == f"[red]{'long ' * 50}end\n\n:smile:"


def test_every_style_can_be_seen() -> None:
    for name in THEME.styles:
        shown = paint([Text("x", name)], Look(color=True))
        assert shown.endswith("x\x1b[0m")
        assert paint([Text("x", name)], Look()) == "x"
