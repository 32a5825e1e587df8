"""Writes the manual pages of the causes to docs/causes, one file each, with a list in the order of the chain.

Run it after a change of a page: ``.venv/bin/python docs/make_causes.py``. With ``--check`` it only compares.
"""

from __future__ import annotations

import sys
from pathlib import Path

from whygrad.causes import CAUSES, CHAIN

FOLDER = Path(__file__).parent / "causes"


def pages() -> dict[str, str]:
    """File name to text."""
    return {"README.md": contents()} | {f"{id}.md": cause.page for id, cause in CAUSES.items()}


def contents() -> str:
    """The list of all pages."""
    lines = [
        "# The causes\n",
        "A parameter learns if and only if every link of its chain holds; each cause breaks one link.",
        "`whygrad explain ID` shows a page in the terminal.\n",
        "| link | cause | what it means |",
        "| --- | --- | --- |",
    ]
    for _, ids in CHAIN:
        lines += [f"| {CAUSES[id].link} | [{id}]({id}.md) | {CAUSES[id].summary} |" for id in ids]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write or compare; the exit status is 1 where a file is missing, stale, or of no cause."""
    wanted = pages()
    if "--check" in sys.argv:
        found = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*")}
        return int(found != wanted)
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*"):
        path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
