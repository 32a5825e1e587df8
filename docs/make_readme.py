"""Writes the real output of the first example into README.md, between its two markers.

Run it after a change of words: ``.venv/bin/python docs/make_readme.py``. With ``--check`` it only compares.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- output: begin -->\n", "<!-- output: end -->"
SCRIPT = "examples/keras_bypassed_head.py"


def output() -> str:
    """What whygrad prints about the example, without the script's own lines."""
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", NO_COLOR="1", COLUMNS="100")
    command = [sys.executable, "-m", "whygrad", "run", SCRIPT]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    lines = done.stderr.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("error["))
    last = next(i for i, line in enumerate(lines) if line.startswith("whygrad: "))
    kept = [line for line in lines[first : last + 1] if not line.startswith(("I0000", "W0000"))]
    return "\n".join(kept).rstrip() + "\n"


def main() -> int:
    """Write or compare; the exit status is 1 where README.md is not up to date."""
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    head, rest = text.split(BEGIN)
    new = f"{head}{BEGIN}```\n$ whygrad run {SCRIPT}\n{output()}```\n{END}{rest.split(END)[1]}"
    if "--check" in sys.argv:
        return int(new != text)
    readme.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
