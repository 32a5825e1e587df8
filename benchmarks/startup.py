"""What whygrad costs a script that asks for no gradient: the start, and each import."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path
from statistics import median

from whygrad.recorders.on_import import watch_imports

RUNS = 9


def seconds(*command: str) -> float:
    """The median time of a whole process."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - began)
    return median(times)


def per_import() -> float:
    """What the watch adds to the search for one module, in seconds."""
    undo = watch_imports({"tensorflow": lambda _: None}, lambda _: None)
    finder = sys.meta_path[0]
    number = 200_000
    spent = timeit.timeit(lambda: finder.find_spec("some.module", None, None), number=number) / number
    undo()
    return spent


def main() -> None:
    """Print what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.touch()
        bare = seconds(str(script))
        rows = {
            "python empty.py": bare,
            "whygrad run empty.py": seconds("-m", "whygrad", "run", str(script)),
            "whygrad --help": seconds("-m", "whygrad", "--help"),
        }
    for name, spent in rows.items():
        print(f"{name:22} {spent * 1e3:7.1f} ms  (+{(spent - bare) * 1e3:.1f} ms)")
    print(f"{'watch, per import':22} {per_import() * 1e6:7.3f} us")


if __name__ == "__main__":
    main()
