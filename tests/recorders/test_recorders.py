"""Rooms shared by all recorders: the builder, frames, patches."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest

from whygrad import spec
from whygrad.recorders import RECORDERS, frames
from whygrad.recorders.builder import GraphBuilder
from whygrad.recorders.patching import Patches
from whygrad.span import Span


def test_the_builder_keeps_each_name_and_stack_once() -> None:
    builder = GraphBuilder("test", "grad")
    first, second, third = (builder.value("float32", (2,)) for _ in range(3))
    builder.op("Neg", [first], [second])
    builder.op("Neg", [second], [third])
    graph = builder.graph([third], [])
    spec.check(graph)
    assert graph.names == ("float32", "Neg", "")
    assert len(graph.stacks) == 1
    assert builder.span_of(third) is None


def test_what_counts_as_user_code() -> None:
    site = str(Path(sys.prefix) / "lib" / "site-packages")
    assert frames.is_user_file("/home/me/train.py")
    assert frames.is_user_file("<stdin>")
    assert frames.is_user_file(f"{site}/somebodys_models/bert.py")
    assert not frames.is_user_file(f"{site}/transformers/models/bert.py")
    assert not frames.is_user_file(f"{site}/keras/src/layers/layer.py")
    assert not frames.is_user_file(frames.__file__)
    assert not frames.is_user_file("<frozen importlib._bootstrap>")
    assert frames.package_of(f"{site}/six.py") == "six"


def test_columns_count_characters(tmp_path: Path) -> None:
    path = tmp_path / "user.py"
    path.write_text("def run(capture):\n    return 'größe', capture()\n", "utf-8")
    space: dict[str, object] = {}
    exec(compile(path.read_text("utf-8"), str(path), "exec"), space)
    run = space["run"]
    assert callable(run)
    _, stack = run(lambda: frames.capture(sys._getframe(1), 1))
    (span,) = frames.spans(stack)
    assert (span.line, span.column, span.end_column, span.code) == (2, 21, 30, "capture()")
    assert span.function == "run"


HELD = """
def layer(body):
    above = held.above
    hold(getframe())
    try:
        return body()
    finally:
        held.above = above

def run():
    first = layer(lambda: capture(getframe()))
    second = layer(lambda: capture(getframe()))
    inner = layer(lambda: layer(lambda: capture(getframe())))
    return first, second, inner, capture(getframe())
"""


def test_held_frames_change_no_stack(tmp_path: Path) -> None:
    path = tmp_path / "user.py"
    path.write_text(HELD, "utf-8")

    def stacks(hold: object) -> object:
        space = {"getframe": sys._getframe, "capture": frames.capture, "hold": hold, "held": frames.held}
        exec(compile(HELD, str(path), "exec"), space)
        run = space["run"]
        assert callable(run)
        found = [[(code.co_name, at) for code, at in stack if code.co_filename == str(path)] for stack in run()]
        return [[place for place in stack if place[0] != "layer"] for stack in found]

    plain = stacks(lambda frame: None)
    held = stacks(frames.hold)
    assert held == plain
    assert held[0] != held[1]  # two lines of one function never share a stack
    assert frames.held.above == (None, ())


def test_a_held_frame_that_is_no_caller_is_walked_past() -> None:
    def elsewhere() -> FrameType:
        return sys._getframe()

    above = frames.held.above
    frames.hold(elsewhere())
    try:
        stack = frames.capture(sys._getframe())
    finally:
        frames.held.above = above
    assert stack[0][0] is sys._getframe().f_code


def test_the_builder_knows_where_a_value_was_made() -> None:
    builder = GraphBuilder("test", "grad")
    values = [builder.value("float32") for _ in range(3)]
    places = [Span("user.py", line) for line in (7, 9)]
    builder.op("Neg", [values[0]], [values[1]], (places[0],))
    builder.op("Neg", [values[1]], [values[2]], (places[1],))
    assert [builder.span_of(value) for value in values] == [None, *places]


def test_patches_put_back_what_stood_there() -> None:
    class Base:
        def method(self) -> str:
            return "base"

    class Derived(Base):
        pass

    patches = Patches()
    patches.replace(Derived, "method", lambda self: "ours")
    assert Derived().method() == "ours"
    patches.undo()
    assert "method" not in vars(Derived)
    assert Derived().method() == "base"


def test_a_patch_on_top_of_ours_stays() -> None:
    class Somebody:
        method = "theirs"

    patches = Patches()
    patches.replace(Somebody, "method", "ours")
    Somebody.method = "later"
    patches.undo()
    assert Somebody.method == "later"


def test_undo_goes_on_after_a_failure() -> None:
    patches = Patches()
    done = []

    def fails() -> None:
        raise ValueError("no")

    patches.defer(lambda: done.append(1))
    patches.defer(fails)
    with pytest.raises(ExceptionGroup, match="could not be restored"):
        patches.undo()
    assert done == [1]


def test_recorders_are_named_by_what_the_script_imports() -> None:
    assert set(RECORDERS) == {"tensorflow", "torch", "jax"}
