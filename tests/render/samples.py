"""Findings made by hand, many of them odd, and the source text that they speak of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from whygrad.finding import Affected, Edit, Finding, Fix, Label, Proof, Step, Steps
from whygrad.span import Span

TRAIN = """\
    with tf.GradientTape() as tape:
        predictions = model(x_train)
        loss = tf.reduce_mean(tf.square(model.dense1(x_train) - y_train))
    grads = tape.gradient(loss, model.trainable_variables)
"""
NET = """\
class Net(nn.Module):
    def forward(self, x):
        with torch.no_grad():
            h = self.encoder(x)
        scores, picked = self.head(h.detach()), h.argmax(dim=-1)
        return self.loss(
            scores,  # the only way on
            picked,
        )
"""
FAR = "result = combine(first_branch(inputs), " + "padding_argument, " * 9 + "second_branch(inputs))  # end\n"
WIDE = '\tloss = f("温度と圧力", h.detach()) + g("🎉🎉", größe.numpy())\n'
HOSTILE = 'x = "\x1b[31m\u202etxt" + y.detach()  # [bold]hi[/bold] :smile:\n'

BLOCK = """\
        x = self.norm(x)
        return jax.lax.stop_gradient(x)
"""

At = Callable[..., Span]
KERNEL = Affected("pred/kernel", (10, 1), "float32")
BIAS = Affected("pred/bias", (1,), "float32")


def unused_output(at: At) -> Finding:
    wrong = at("train.py", 22, "model.dense1(x_train)")
    return Finding(
        cause="unused-output",
        severity="error",
        title="`pred/kernel` and `pred/bias` get no gradient: the loss does not use the output of `pred`",
        parameters=(KERNEL, BIAS),
        culprit=wrong,
        labels=(
            Label(wrong, "the loss is built from this, upstream of `pred`"),
            Label(at("train.py", 21, "model(x_train)"), "`pred` runs here, and nothing reads its output"),
        ),
        chain=(
            Step("parameter", "pred/kernel"),
            Step("through", "MatMul"),
            Step("through", "BiasAdd"),
            Step("cut", "`predictions`, and there it ends"),
        ),
        fix=Fix("build the loss from `predictions`", (edit(wrong, "predictions"),)),
        proof=Proof("counterfactual", True, "rerun with this change, both gradients are finite and non-zero"),
    )


def edit(span: Span, text: str) -> Edit:
    numbers = (span.line or 0, span.column or 0, span.end_line or 0, span.end_column or 0)
    return Edit(span.file, *numbers, text)


def bare(*labels: Label, cause: str = "stop-gradient") -> Finding:
    title = "`encoder.weight` gets no gradient: it is cut off on its way to the loss"
    return Finding(cause, "error", title, (KERNEL,), labels[0].span if labels else None, labels)


def in_a_package(at: At) -> Finding:
    package = "/opt/site-packages/layers/block.py"
    out = (
        Span("/work/project/model.py", 8, 16, function="Model.call"),
        Span("/work/project/train.py", 23, 5, function="<module>"),
    )
    cut = at(package, 42, "jax.lax.stop_gradient(x)", out)
    labels = (
        Label(cut, "detached here"),
        Label(at("/work/project/train.py", 21, "model(x_train)"), "the layer is called from here"),
        Label(at(package, 41, "self.norm(x)"), "and its input came from `norm`"),
    )
    return bare(*labels)


def deep_in_calls(at: At) -> Finding:
    out = tuple(Span("train.py", line, 9, function=f"level_{line}") for line in range(30, 42))
    return bare(Label(at("train.py", 21, "model(x_train)", out), "cut here"))


def three_on_one_line(at: At) -> Finding:
    return bare(
        Label(at("net.py", 5, "h.detach()"), "cut here"),
        Label(at("net.py", 5, "scores"), "so this carries nothing back"),
        Label(at("net.py", 5, "h.argmax(dim=-1)"), "nor does this"),
    )


def one_inside_another(at: At) -> Finding:
    return bare(
        Label(at("net.py", 5, "self.head(h.detach())"), "the head sees a detached input"),
        Label(at("net.py", 5, "h.detach()"), "cut here"),
        Label(at("net.py", 3, "torch.no_grad()"), "recording is off from here"),
    )


def over_several_lines(at: At) -> Finding:
    whole = Span("net.py", 6, 16, 9, 10)
    return bare(
        Label(whole, "the loss is built here"),
        Label(at("net.py", 8, "picked"), "from indices, which have no derivative"),
        Label(at("net.py", 1, "Net"), "in this module"),
    )


def unknown_columns(at: At) -> Finding:
    return bare(Label(Span("net.py", 4), "somewhere on this line"), Label(Span("net.py", 5, 26), "end unknown"))


def unknown_line(at: At) -> Finding:
    return bare(Label(Span("net.py"), "somewhere in this file"))


def no_culprit(at: At) -> Finding:
    return replace(bare(cause="unexplained"), notes=("please send the script to the maintainers",))


def no_source(at: At) -> Finding:
    return bare(
        Label(Span("<stdin>", 4, 9, 4, 22, code="tf.argmax(x)"), "has no derivative"),
        Label(Span("/gone/model.py", 9), "reads it"),
        Label(at("net.py", 4, "self.encoder(x)"), "made here"),
    )


def tabs_and_wide_letters(at: At) -> Finding:
    return bare(
        Label(at("wide.py", 1, "größe.numpy()"), "leaves the framework"),
        Label(at("wide.py", 1, "h.detach()"), "detached"),
        Label(at("wide.py", 1, '"温度と圧力"'), "温度 is read here"),
    )


def marks_far_apart(at: At) -> Finding:
    return bare(
        Label(at("far.py", 1, "second_branch(inputs)"), "this branch is dropped"),
        Label(
            at("far.py", 1, "first_branch(inputs)"),
            "this branch is kept, and it does not read `encoder.weight`",
        ),
    )


def hostile_text(at: At) -> Finding:
    name = "w\x1b[2J\r\n[red]evil[/red]\u202e"
    return replace(
        bare(Label(at("hostile.py", 1, "y.detach()"), f"cuts {name}")),
        title=f"`{name}` gets no gradient",
        parameters=tuple(Affected(f"{name}{n}", (n,), "float\x0732") for n in range(4)),
        notes=(f"{name} is \u2028 odd, and \ud800 is half a letter",),
    )


def many_parameters(at: At) -> Finding:
    paths = [f"encoder/block_{n}/attention/query/{kind}" for n in range(6) for kind in ("kernel", "bias")]
    shapes: list[tuple[int | None, ...] | None] = [(64, 64), (64,), (None, 64), None, ()]
    parameters = tuple(Affected(path, shapes[at % 5], "float32") for at, path in enumerate(paths))
    return replace(
        bare(Label(at("net.py", 4, "self.encoder(x)"), "computed while recording is off")),
        severity="warning",
        parameters=(replace(parameters[0], gradient="zero"), *parameters[1:]),
        steps=Steps(10, 3),
        ranks=(0, 1, 2, 3, 7),
        notes=("the block is long, and this note is long as well, so that it has to be wrapped at most widths",),
        fix=Fix("call the encoder outside `torch.no_grad()`"),
        wrong_cures=("setting `requires_grad` on `h` does not help: it would be a new leaf",),
        proof=Proof("inferred", True, "no other path leads from the encoder to the loss"),
    )


def long_way(at: At) -> Finding:
    middle = tuple(Step("through", f"op{n}") for n in range(40))
    chain = (
        Step("parameter", "w"),
        *middle[:20],
        Step("cut", "`detach`"),
        *middle[20:],
        Step("loss", "the loss"),
    )
    return replace(bare(), chain=chain, proof=Proof("structural", True, "every path passes `detach`"))


def delete_something(at: At) -> Finding:
    cut = replace(at("net.py", 5, ".detach()"), code=None)
    fix = Fix("drop `.detach()`", (edit(cut, ""),))
    proof = Proof("counterfactual", False, "rerun with this change, the gradient is still missing")
    return replace(bare(Label(at("net.py", 5, "h.detach()"), "cut here")), fix=fix, proof=proof)


def insert_something(at: At) -> Finding:
    edits = (
        Edit("train.py", 20, 26, 20, 26, "persistent=True"),
        Edit("train.py", 21, 9, 21, 9, "tape.watch(x_train)\n        "),
        Edit("train.py", 23, 13, 23, 26, "tape.jacobian"),
    )
    return replace(bare(Label(at("train.py", 20, "tf.GradientTape()"), "")), fix=Fix("watch the input", edits))


def dedent_a_block(at: At) -> Finding:
    edits = (Edit("net.py", 3, 1, 5, 1, "        h = self.encoder(x)\n"), Edit("net.py", 8, 1, 9, 1, ""))
    fix = Fix("call the encoder where operations are recorded, and do not pass the indices to the loss", edits)
    return replace(bare(Label(at("train.py", 21, "model(x_train)"), "")), fix=fix)


def rewrite_a_block(at: At) -> Finding:
    body = "".join(f"line_{n} = {n}\n" for n in range(20))
    return replace(bare(), fix=Fix("write it out", (Edit("train.py", 20, 1, 24, 1, body),)))


def stale_edits(at: At) -> Finding:
    edits = (
        Edit("/gone/model.py", 9, 5, 9, 9, "x"),
        Edit("/gone/model.py", 12, 5, 12, 5, "y, "),
        Edit("net.py", 4, 90, 4, 99, ""),
    )
    return replace(bare(Label(Span("/gone/model.py", 9, 5), "cut here")), fix=Fix("pass `x`", edits))


CASES = (
    unused_output,
    in_a_package,
    deep_in_calls,
    three_on_one_line,
    one_inside_another,
    over_several_lines,
    unknown_columns,
    unknown_line,
    no_culprit,
    no_source,
    tabs_and_wide_letters,
    marks_far_apart,
    hostile_text,
    many_parameters,
    long_way,
    delete_something,
    insert_something,
    dedent_a_block,
    rewrite_a_block,
    stale_edits,
)

# file -> number of its first line, text
SOURCES = {
    "train.py": (20, TRAIN),
    "/work/project/train.py": (20, TRAIN),
    "net.py": (1, NET),
    "far.py": (1, FAR),
    "wide.py": (1, WIDE),
    "hostile.py": (1, HOSTILE),
    "/opt/site-packages/layers/block.py": (41, BLOCK),
}
