"""Measuring several ways in turns, each in a process of its own, so that none runs in what another leaves behind."""

from __future__ import annotations

import multiprocessing
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

# So many rounds in one set of processes: where its memory happens to lie makes a process faster or slower for good.
ROUNDS_OF_A_PROCESS = 4

Measure = Callable[[], Sequence[float]]
Setup = Callable[..., Measure]


def in_turns(setup: Setup, ways: Sequence[str], rounds: int, *arguments: Any) -> Mapping[str, list[Sequence[float]]]:
    """What each way took in each round.

    Args:
        setup: a function of a module; called with a way and the arguments in a new process, it returns what measures.
    """
    times: dict[str, list[Sequence[float]]] = {way: [] for way in ways}
    while (left := rounds - len(times[ways[0]])) > 0:
        with _processes(setup, ways, arguments) as pipes:
            for number in range(min(left, ROUNDS_OF_A_PROCESS)):
                for way in ways if number % 2 else reversed(ways):
                    pipes[way].send(True)
                    times[way].append(pipes[way].recv())
    return times


def ratio(times: Sequence[float], plain: Sequence[float]) -> str:
    """Minimum (median) of one way over those of the plain one."""
    return f"{min(times) / min(plain):.2f} ({statistics.median(times) / statistics.median(plain):.2f})"


@contextmanager
def _processes(setup: Setup, ways: Sequence[str], arguments: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    context = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    try:
        for way in ways:
            pipes[way], theirs = context.Pipe()
            processes.append(context.Process(target=_serve, args=(theirs, setup, way, arguments)))
            processes[-1].start()
            theirs.close()  # so that a process that dies is not waited for
        for pipe in pipes.values():
            assert pipe.recv() == "ready"
        yield pipes
    finally:
        for pipe in pipes.values():
            pipe.close()
        for process in processes:
            process.join()


def _serve(pipe: Connection, setup: Setup, way: str, arguments: Sequence[Any]) -> None:
    measure = setup(way, *arguments)
    pipe.send("ready")
    try:
        while pipe.recv():
            pipe.send(measure())
    except EOFError:
        pass
