"""How often is looked, by what it costs."""

from __future__ import annotations

import pytest

from whygrad.watching.schedule import FIRST_LOOKS, LOOKS, Schedule


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def looked(schedule: Schedule, clock: Clock, who: object, step: float, cost: float) -> bool:
    """One step of an optimizer takes its time."""
    _, due = schedule.begins(who)
    clock.now += step + (cost if due else 0.0)
    schedule.ends(who, cost if due else None)
    return due


@pytest.mark.parametrize("cost", [1e-5, 3e-4, 1e-2, 0.5])
def test_looking_takes_a_hundredth_of_the_time(cost: float) -> None:
    clock, steps = Clock(), 20_000
    schedule = Schedule(clock)
    looks = sum(looked(schedule, clock, "a", 1e-3, cost) for _ in range(steps))
    beyond = looks - FIRST_LOOKS
    assert beyond * cost <= LOOKS * clock.now
    assert looks == steps or beyond * cost >= 0.8 * LOOKS * (steps * 1e-3) - cost  # and what is allowed is used


def test_the_first_looks_are_the_powers_of_two() -> None:
    clock = Clock()
    schedule = Schedule(clock)
    looks = [n for n in range(1, 100) if looked(schedule, clock, "a", 1e-3, 1.0)]
    assert looks == [1, 2, 4, 8, 16, 32]


def test_a_pause_is_not_made_up_for_in_one_go() -> None:
    clock = Clock()
    schedule = Schedule(clock)
    for _ in range(50):
        looked(schedule, clock, "a", 1e-3, 1e-2)
    clock.now += 3600
    assert sum(looked(schedule, clock, "a", 1e-3, 1e-2) for _ in range(100)) <= 2


def test_optimizers_that_take_turns_are_looked_at_alike() -> None:
    clock = Clock()
    schedule = Schedule(clock)
    looks = {"a": 0, "b": 0}
    for _ in range(5000):
        for who, step in (("a", 2e-3), ("b", 1e-4)):
            looks[who] += looked(schedule, clock, who, step, 1e-3)
    assert abs(looks["a"] - looks["b"]) <= 1
    assert (looks["a"] + looks["b"]) * 1e-3 <= LOOKS * clock.now + 2 * FIRST_LOOKS * 1e-3


def test_one_that_has_ended_holds_up_no_other() -> None:
    clock = Clock()
    schedule = Schedule(clock)
    for _ in range(1000):
        looked(schedule, clock, "old", 1e-3, 1e-3)
    assert sum(looked(schedule, clock, "new", 1e-3, 1e-3) for _ in range(1000)) >= 10


def test_a_new_optimizer_for_each_step_is_not_looked_at_each_time() -> None:
    clock = Clock()
    schedule = Schedule(clock)
    assert sum(looked(schedule, clock, n, 1e-3, 1e-2) for n in range(500)) < 20
