"""Which names hold a value that nobody reads."""

from __future__ import annotations

from pathlib import Path

from whygrad.causes.cause import Case
from whygrad.causes.holder import holder
from whygrad.diagnose import diagnose
from whygrad.flow import Flow
from whygrad.graph import Parameter
from whygrad.recorders.builder import GraphBuilder
from whygrad.span import Span

TEXT = """def forward(self, h):
    h, spare = h * 0.5, self.extra(h)
    h = self.head(h)
    return h
loss = mean(model.forward(x))
"""


def test_one_of_two_values_assigned_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text(TEXT, "utf-8")
    lines = TEXT.splitlines()

    def stack(line: int, code: str) -> tuple[Span, ...]:
        function = "<module>" if line == 5 else "forward"
        column = lines[line - 1].index(code) + 1
        own = Span(str(file), line, column, line, column + len(code), function, code)
        outer = Span(str(file), 5, 13, 5, 29, "<module>", "model.forward(x)")
        return (own,) if line == 5 else (own, outer)

    builder = GraphBuilder("torch", "backward")
    w, other, half, spare, out, loss = (builder.value("torch.float32", (2,)) for _ in range(6))
    for name, inputs, output, place in (
        ("mul", [other], half, (2, "h * 0.5")),
        ("linear", [w, other], spare, (2, "self.extra(h)")),
        ("linear", [half], out, (3, "self.head(h)")),
        ("mean", [out], loss, (5, "mean(model.forward(x))")),
    ):
        builder.op(name, inputs, [output], stack=stack(*place))
    parameters = [
        Parameter("extra", (2,), "f", w, gradient="none"),
        Parameter("o", (2,), "f", other, gradient="present"),
    ]
    (finding,) = diagnose(builder.graph([loss], parameters))
    assert finding.culprit is not None
    assert (finding.cause, finding.culprit.line) == ("unused-output", 3)


PARTS = """def forward(self, h):
    out = self.encoder(h)
    first = out.hidden[:, 0]
    return self.head(first)
loss = mean(model.forward(x))
"""


def test_taking_elements_of_a_field_hands_on_no_other_field(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text(PARTS, "utf-8")
    inside = Span(str(file), 2, 11, 2, 26, "forward", "self.encoder(h)")
    outer = Span(str(file), 5, 13, 5, 29, "<module>", "model.forward(x)")
    builder = GraphBuilder("torch", "backward")
    pooler = builder.value("torch.float32", (2,))
    builder.op("tanh", [builder.value("torch.float32", (2,))], [pooler], stack=(inside, outer))
    graph = builder.graph([], [])
    case = Case(graph, Flow(graph), Parameter("pooler", (2,), "f"), 0, frozenset())
    held, names = holder(case, pooler, (inside, outer))
    assert (held, names) == (inside, {"out"})
