"""``python -m agreement FRAMEWORK``: hunts for disagreements with a progress bar and says what was found.

The parent shares the programs out among processes of its own, each with a seed of its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from rich.console import Console
from rich.progress import Progress

from agreement.hunting import Hunt, Searched, hunt
from agreement.runner import WARM, warm
from programs import surroundings

KINDS = ("disagreement", "missed cause", "missed line", "false alarm", "changed", "report", "edit", "program")

# What XLA has compiled for one run of a program is used again by its other runs, and by programs that share a part.
# Programs run for milliseconds, and what would make them faster takes longer.
QUICK = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="agreement", description=__doc__)
    parser.add_argument("framework", choices=WARM)
    parser.add_argument("-n", "--number", type=int, default=100, help="how many programs")
    parser.add_argument("-s", "--seed", type=int, default=0)
    parser.add_argument("-j", "--jobs", type=int, default=1, help="how many processes")
    parser.add_argument("--again", type=int, default=1, metavar="N", help="run each Nth twice under whygrad, not all")
    parser.add_argument("--no-shrink", action="store_true", help="count failures, and do not look for smaller ones")
    parser.add_argument("--store", type=Path, help="the folder to which failing programs are written")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        return _work(asked)
    counts = _share(asked)
    named = [f"{counts['programs']} programs ({counts['twice']} run twice)", f"{counts['parameters']} parameters"]
    print(f"{asked.framework}: {', '.join(named + [f'{counts[kind]} {kind}' for kind in KINDS])}")
    return 1 if any(counts[kind] for kind in KINDS) or counts["programs"] < asked.number else 0


def _share(asked: Any) -> Counter[str]:
    """Run the workers and add up what they count."""
    tallies: list[Counter[str]] = [Counter() for _ in range(asked.jobs)]
    with TemporaryDirectory() as cache, Progress(console=Console(stderr=True)) as bar:
        environment = surroundings(asked.framework.rpartition("-")[2]) | QUICK | {"JAX_COMPILATION_CACHE_DIR": cache}
        task = bar.add_task(asked.framework, total=asked.number)

        def follow(index: int) -> None:
            number = asked.number // asked.jobs + (index < asked.number % asked.jobs)
            command = [sys.executable, "-m", "agreement", asked.framework, "--worker", "-n", str(number)]
            command += ["-s", str(asked.seed * asked.jobs + index), "--again", str(asked.again)]
            command += ["--store", str(asked.store)] if asked.store else []
            command += ["--no-shrink"] if asked.no_shrink else []
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as worker:
                for line in worker.stdout or ():
                    tallies[index] = Counter(json.loads(line))
                    bar.update(task, completed=sum(t["programs"] for t in tallies))

        threads = [Thread(target=follow, args=(index,)) for index in range(asked.jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sum(tallies, Counter())


def _work(asked: Any) -> int:
    warm(asked.framework)
    dialect = importlib.import_module(f"agreement.dialects.{asked.framework.partition('-')[0]}")
    told = 0

    def progress(tally: Hunt) -> None:
        nonlocal told
        for kind, detail in list(tally.sorts)[told:]:
            print(f"{kind}: {detail}", file=sys.stderr, flush=True)
        told = len(tally.sorts)
        print(json.dumps(dict(tally.counts)), flush=True)

    def found(sort: tuple[str, str], text: str, wrong: Any) -> None:
        if asked.store:
            _store(asked.store, f"{asked.framework}-{'-'.join(sort)}", text, wrong)

    searched = Searched(asked.framework, dialect, not asked.no_shrink, asked.again)
    tally = hunt(searched, asked.number, asked.seed, progress, found)
    print(json.dumps(dict(tally.counts)), flush=True)
    return 0


def _store(folder: Path, name: str, text: str, wrong: Any) -> None:
    """Write a failing program, and beside it what is wrong."""
    name = "".join(c if c.isalnum() else "-" for c in name)[:90]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(text, "utf-8")
    (folder / f"{name}.json").write_text(json.dumps(wrong, indent=1), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
