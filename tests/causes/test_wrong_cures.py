"""Popular cures are argued against where the text of the script leads to them, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from graphs import Line, graph_of
from whygrad.diagnose import diagnose
from whygrad.graph import Graph, Layer, Recording
from whygrad.span import Span

STOPPED: list[Line] = [("Stop", "w", "s", {0: "stop-gradient"}), ("Add", "sv", "l")]
UNRECORDED: list[Line] = [("Mul", "w", "h", {0: "recording-off"}), ("Sum", "h", "l")]
LOOP = """\
def step(w, v, x):
    with tf.GradientTape() as tape:
        l = f(w, v, x)
    gradients = tape.gradient(l, [w, v])
    optimizer.apply_gradients(zip(gradients, [w, v]))
"""


class Program:
    """A script, and the graph of its one request."""

    def __init__(self, folder: Path, text: str, lines: Sequence[Line] = STOPPED, given: str = "v") -> None:
        self.file = folder / f"train{len(list(folder.iterdir()))}.py"
        self.file.write_text(text, "utf-8")
        self.text = text
        graph = graph_of(lines, "l", none="w", given=given)
        self.graph = replace(graph, framework="tensorflow", api="tf.GradientTape.gradient", layers=(Layer("net"),))

    def at(self, code: str) -> Span:
        start = self.text.index(code)
        line = self.text[:start].count("\n") + 1
        column = start - (self.text.rfind("\n", 0, start) + 1) + 1
        return Span(str(self.file), line, column, line, column + len(code), "step", code)

    def cures(self, request: str = "tape.gradient(l, [w, v])", opened: str = "tf.GradientTape()") -> tuple[str, ...]:
        recording = Recording(self.at(opened)) if opened in self.text else Recording()
        graph: Graph = replace(self.graph, request=(self.at(request),), recording=recording)
        (finding,) = diagnose(graph)
        return finding.wrong_cures


def test_a_loss_in_compile_is_no_cure_for_a_loop(tmp_path: Path) -> None:
    (hint, _) = Program(tmp_path, LOOP).cures()
    assert hint == (
        "Keras' hint at a `loss` in `compile` does not help: `step` computes its own loss and never uses that one"
    )


@pytest.mark.parametrize(
    "text",
    [
        LOOP.replace("l = f(w, v, x)", "l = self.compute_loss(x, w, v)"),  # it does use the one of `compile`
        LOOP.replace("optimizer.apply_gradients(zip(gradients, [w, v]))", "return gradients"),  # nobody gives a hint
    ],
)
def test_where_it_may_be_one_nothing_is_said(tmp_path: Path, text: str) -> None:
    assert not any("compile" in cure for cure in Program(tmp_path, text).cures())


def test_without_keras_or_with_nothing_at_all_there_is_no_hint(tmp_path: Path) -> None:
    program = Program(tmp_path, LOOP)
    program.graph = replace(program.graph, layers=())
    assert not any("compile" in cure for cure in program.cures())
    assert not any("compile" in cure for cure in Program(tmp_path, LOOP, UNRECORDED, given="").cures())


def test_fit_has_a_loss_where_a_cut_lies_on_its_way(tmp_path: Path) -> None:
    text = "model.compile(loss=loss)\nmodel.fit(x, y)\n"
    assert Program(tmp_path, text).cures("model.fit(x, y)") == (
        "Keras' hint at a `loss` in `compile` does not help: the loss that is there depends on it already",
    )
    unused: list[Line] = [("Mul", "w", "y"), ("Sum", "v", "l")]
    assert Program(tmp_path, text, unused).cures("model.fit(x, y)") == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "zip(gradients, [w, v])",
            "(g, p) for g, p in zip(gradients, [w, v]) if g is not None",
            "`g is not None` (line 5) only hides it: the parameter is passed over",
        ),
        (
            "    optimizer.apply_gradients(zip(gradients, [w, v]))",
            "    for g, p in zip(gradients, [w, v]):\n        if g is None:\n            continue\n        p.assign(g)",
            "`g is None` (line 6) only hides it: the parameter is passed over",
        ),
        (
            "tape.gradient(l, [w, v])",
            'tape.gradient(l, [w, v], unconnected_gradients="zero")',
            "`unconnected_gradients` only hides it: with zeros in place of `None` the parameter still does not learn",
        ),
        ("", "", '`unconnected_gradients="zero"` would only hide it: the parameter does not learn from zeros'),
    ],
)
def test_hiding_it_is_no_cure(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = LOOP.replace(old, new) if old else LOOP
    program = Program(tmp_path, text)
    request = new if new.startswith("tape.") else "tape.gradient(l, [w, v])"
    assert [cure for cure in program.cures(request) if "hide" in cure] == [said]


def test_a_complaint_about_none_is_not_hiding(tmp_path: Path) -> None:
    text = LOOP + "    for g in gradients:\n        if g is None:\n            raise ValueError\n"
    assert not any("passed over" in cure for cure in Program(tmp_path, text).cures())
    other = LOOP + "    names = [n for n in x if n is not None]\n"
    assert not any("passed over" in cure for cure in Program(tmp_path, other).cures())


def watching(what: str) -> str:
    return LOOP.replace("        l =", f"        tape.watch({what})\n        l =")


def test_watching_what_comes_after_the_parameter_is_no_cure(tmp_path: Path) -> None:
    program = Program(tmp_path, watching("h"), UNRECORDED, given="")
    program.graph = replace(program.graph, labels={1: ("h", "step")})
    assert "`tape.watch(h)` (line 3) gives that tensor a gradient, and none to what comes before it" in program.cures()


def test_watching_what_is_followed_already_is_no_cure(tmp_path: Path) -> None:
    (cure,) = [cure for cure in Program(tmp_path, watching("w")).cures() if "watch" in cure]
    assert cure.startswith("`tape.watch(w)` (line 3) adds nothing")
    assert not any("watch" in cure for cure in Program(tmp_path, watching("x")).cures())


def test_a_persistent_tape_records_no_more(tmp_path: Path) -> None:
    text = LOOP.replace("tf.GradientTape()", "tf.GradientTape(persistent=True)")
    opened = "tf.GradientTape(persistent=True)"
    said = "`persistent=True` lets a tape be asked twice; it does not make it record more"
    assert said in Program(tmp_path, text, UNRECORDED, given="").cures(opened=opened)
    assert said not in Program(tmp_path, text).cures(opened=opened)
    twice = text + "    more = tape.gradient(l, x)\n"
    assert said not in Program(tmp_path, twice, UNRECORDED, given="").cures(opened=opened)


def test_a_framework_without_such_cures_hears_of_none(tmp_path: Path) -> None:
    program = Program(tmp_path, LOOP)
    program.graph = replace(program.graph, framework="another")
    assert program.cures() == ()


TORCH = """\
def step(w, v, x):
    h = f(w, v, x)
    l = g(h).item()
    l.backward()
"""


class TorchProgram(Program):
    """The same, of torch."""

    def __init__(self, folder: Path, text: str, error: str | None = None, cut: str = "") -> None:
        kind = "left-framework" if cut else "stop-gradient"
        super().__init__(folder, text, [("Stop", "w", "s", {0: kind}), ("Add", "sv", "l")])
        self.graph = replace(self.graph, framework="torch", api="torch.Tensor.backward", error=error, layers=())
        if cut:
            self.graph = replace(self.graph, stacks=tuple((self.at(cut),) for _ in self.graph.stacks))


NO_GRAD = "RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn"


def test_a_loss_made_a_leaf_is_no_cure(tmp_path: Path) -> None:
    text = TORCH.replace("    l.backward()", "    l.requires_grad_(True)\n    l.backward()")
    program = TorchProgram(tmp_path, text)
    (value,) = program.graph.targets
    program.graph = replace(program.graph, labels={value: ("l", "step")})
    (cure,) = program.cures("l.backward()")
    assert cure == "`l.requires_grad_(True)` (line 4) only hides it: the backward pass begins there, and ends there"
    program = TorchProgram(tmp_path, text.replace("(True)", "(False)"))
    program.graph = replace(program.graph, labels={value: ("l", "step")})
    assert program.cures("l.backward()") == ()


def test_another_tensor_made_a_leaf_is_none_of_that(tmp_path: Path) -> None:
    text = TORCH.replace("    l.backward()", "    x.requires_grad_(True)\n    l.backward()")
    assert TorchProgram(tmp_path, text).cures("l.backward()") == ()


def test_what_an_error_suggests_is_argued_against(tmp_path: Path) -> None:
    (cure,) = TorchProgram(tmp_path, TORCH, NO_GRAD).cures("l.backward()")
    assert cure.startswith("`requires_grad_(True)` on the loss would only hide it")
    unused = "RuntimeError: The differentiated Tensor at index 0 appears to not have been used in the graph."
    (cure,) = TorchProgram(tmp_path, TORCH, unused).cures("l.backward()")
    assert cure.startswith("`allow_unused=True`, which the error suggests")


def test_missing_sources_allowed_are_still_missing(tmp_path: Path) -> None:
    text = TORCH.replace("l.backward()", "torch.autograd.grad(l, w, allow_unused=True)")
    (cure,) = TorchProgram(tmp_path, text).cures("torch.autograd.grad(l, w, allow_unused=True)")
    assert cure == "`allow_unused=True` only hides it: it turns torch's error into `None`"
    text = text.replace("=True", "=False")
    assert TorchProgram(tmp_path, text).cures("torch.autograd.grad(l, w, allow_unused=False)") == ()


def test_a_detach_before_numpy_is_the_cut(tmp_path: Path) -> None:
    text = TORCH.replace("g(h).item()", "g(h).detach().numpy()")
    (cure,) = TorchProgram(tmp_path, text, cut="g(h).detach().numpy()").cures("l.backward()")
    assert cure.startswith("`.detach()`, which torch's error suggests")
    assert TorchProgram(tmp_path, TORCH, cut="g(h).item()").cures("l.backward()") == ()


@pytest.mark.parametrize(
    ("awaited", "text", "begins"),
    [
        (True, TORCH, "`find_unused_parameters=True`, which that error suggests"),
        (False, TORCH + "model = DDP(model, find_unused_parameters=True)\n", "`find_unused_parameters=True` (line 5)"),
        (False, TORCH, None),
        (None, TORCH + "other = DDP(other, find_unused_parameters=True)\n", None),
    ],
)
def test_unused_parameters_found_still_do_not_learn(
    tmp_path: Path, awaited: bool | None, text: str, begins: str | None
) -> None:
    program = TorchProgram(tmp_path, text)
    parameters = tuple(replace(p, awaited=awaited) for p in program.graph.parameters)
    program.graph = replace(program.graph, parameters=parameters)
    cures = program.cures("l.backward()")
    assert [cure.startswith(begins or "") for cure in cures] == ([True] if begins else [])
