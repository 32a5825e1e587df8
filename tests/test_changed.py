"""Files with edits in them, while the files stay as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from whygrad.changed import changed
from whygrad.finding import Edit

TEXT = "first = 1\nsecond = 2\n"


def test_edits_of_several_files_are_put_into_their_texts(tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("third = 3\n", "utf-8")
    edits = [
        Edit("train.py", 2, 10, 2, 11, "two()"),
        Edit("train.py", 1, 9, 1, 10, "one()"),
        Edit(str(other), 1, 1, 1, 6, "drei"),
        Edit(str(other), 1, 1, 1, 6, "drei"),
    ]
    made = changed(edits, {"train.py": TEXT.encode("utf-8")})
    assert made == {"train.py": "first = one()\nsecond = two()\n", str(other): "drei = 3\n"}
    assert other.read_text("utf-8") == "third = 3\n"


def test_edits_that_do_not_fit_give_nothing() -> None:
    text = {"train.py": TEXT.encode("utf-8")}
    assert changed([Edit("train.py", 9, 1, 9, 2, "x")], text) is None
    assert changed([Edit("train.py", 1, 1, 1, 6, "a"), Edit("train.py", 1, 3, 1, 8, "b")], text) is None


PROGRAM = """
import inspect
from whygrad.changed import import_instead
import_instead({{{file!r}: "def answer():\\n    return 'new'\\n"}})
import module
print(module.answer(), inspect.getsource(module.answer).split()[-1], open(module.__file__).read() == {text!r})
"""


def test_the_text_is_imported_and_shown_in_the_place_of_the_file(tmp_path: Path) -> None:
    module, text = tmp_path / "module.py", "def answer():\n    return 'old'\n"
    module.write_text(text, "utf-8")
    subprocess.run([sys.executable, "-m", "compileall", "-q", "module.py"], cwd=tmp_path, check=True)
    program = PROGRAM.format(file=str(module), text=text)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["new", "'new'", "True"]
