"""PyTorch: modules, and the script that trains them."""

from __future__ import annotations

from agreement.grammar import Nest, Program
from agreement.writing import Plant, Room, Writer, indented

OWNER = "self"
HEAD = "linear"
IMPORTS = (
    "import math",
    "import random",
    "",
    "import numpy as np",
    "import torch",
    "import torch.nn as nn",
    "import torch.nn.functional as F",
)
ACTS = {
    "tanh": "torch.tanh({h})",
    "gelu": "F.gelu({h})",
    "silu": "F.silu({h})",
    "method": "({h}).sigmoid()",
    "softplus": "F.softplus({h})",
    "scaled": "0.5 * {h}",
    "squared": "torch.tanh({h}) ** 2 + 0.1",
    "softmax": "torch.softmax({h}, dim=-1)",
    "clamped": "torch.clamp({h}, -50.0, 50.0)",
}
LAYERS = {
    "linear": "nn.Linear(4, 4)",
    "stack": "nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 4))",
    "norm": "nn.LayerNorm(4)",
    "scale": "nn.Parameter(torch.rand(4) + 0.5)",
    "weight": "nn.Parameter(torch.randn(4, 4) * 0.5)",
    "many": "nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])",
}
CALLS = {
    "scale": "{h} * {o}.{n}",
    "weight": "{h} @ {o}.{n}",
    "many": "{o}.{n}[1]({o}.{n}[0]({h}))",
}
JOINS = {
    "add": "{a} + {b}",
    "gate": "{a} * torch.sigmoid({b})",
    "mean": "torch.stack([{a}, {b}]).mean(0)",
    "halves": "torch.cat([{a}[:, :2], {b}[:, 2:]], dim=1)",
    "where": "torch.where(torch.arange(4) < 2, {a}, {b})",
}
BUFFER = ('self.register_buffer("{n}", torch.ones(6, 4))',)
FUNCTION = (
    "class Fn{n}(torch.autograd.Function):",
    "    @staticmethod",
    "    def forward(ctx, h):",
    "        return h * 2.0",
    "",
    "    @staticmethod",
    "    def backward(ctx, grad):  #: custom-gradient",
)
DROPPED = "stop-gradient, left-framework"
FAULTS = {
    "detach": Plant(("h = h.detach()  #: stop-gradient",)),
    "detach-inside": Plant(("h = torch.tanh(", "    h.detach()  #: stop-gradient", ")")),
    "data": Plant(("h = h.data * 2.0  #: stop-gradient",)),
    "detach-in-place": Plant(("h = h * 1.0", "h.detach_()  #: stop-gradient")),
    "no-grad": Plant(("with torch.no_grad():  #: recording-off", "    h = torch.tanh(h)  #: recording-off")),
    "grad-switched-off": Plant(
        (
            "torch.set_grad_enabled(False)  #: recording-off",
            "h = torch.sin(h)  #: recording-off",
            "torch.set_grad_enabled(True)",
        )
    ),
    "no-grad-decorated": Plant(
        ("h = smooth_{n}(h)  #: recording-off",),
        top=(
            "@torch.no_grad()  #: recording-off",
            "def smooth_{n}(h):  #: recording-off",
            "    return h * 0.9  #: recording-off",
        ),
    ),
    "long": Plant(("h = h.mul(10).long().float() + 0.5  #: integer-dtype",)),
    "int": Plant(("ids = (h * 8).to(torch.int32)  #: integer-dtype", "h = ids / 8.0 + 0.5")),
    "round": Plant(("h = torch.round(h * 10) / 10 + 0.3  #: non-differentiable-op",)),
    "sign": Plant(("h = h.sign() + 0.5  #: non-differentiable-op",)),
    "floor": Plant(("h = torch.floor(h * 4) + 0.5  #: non-differentiable-op",)),
    "argmax": Plant(
        (
            "best = h.argmax(dim=-1)  #: non-differentiable-op",
            "h = F.one_hot(best, 4).float()",
        )
    ),
    "compare": Plant(("h = (h > 0.1).float() + 0.5  #: non-differentiable-op, integer-dtype",)),
    "sort-indices": Plant(("h = torch.argsort(h, dim=-1).float()  #: non-differentiable-op",)),
    "bernoulli": Plant(("h = torch.bernoulli(torch.sigmoid(h)) + 0.5  #: non-differentiable-op",)),
    "numpy": Plant(
        (
            f"array = h.detach().numpy()  #: {DROPPED}",
            "array = np.tanh(array)  #: left-framework",
            "h = torch.from_numpy(array)  #: left-framework",
        )
    ),
    "numpy-at-once": Plant((f"h = torch.tensor(np.cos(h.detach().numpy()))  #: {DROPPED}",)),
    "tolist": Plant(("h = torch.tensor(h.tolist())  #: left-framework",)),
    "tensor-of-tensor": Plant(("h = torch.tensor(h.detach().clone().tolist())  #: left-framework, stop-gradient",)),
    "item": Plant(("level = h.mean().item()  #: left-framework", "h = torch.full((6, 4), level)  #: left-framework")),
    "float": Plant(("h = torch.ones(6, 4) * math.exp(-float(h.pow(2).mean()))  #: left-framework",)),
    "state-copied": Plant(
        (
            "with torch.no_grad():  #: recording-off, state-write",
            "    {o}.{n}.copy_(h)  #: state-write, recording-off",
            "h = {o}.{n} * 1.5  #: state-write",
        ),
        makes=BUFFER,
    ),
    "state-data": Plant(("{o}.{n}.data = h.data  #: state-write, stop-gradient", "h = {o}.{n} + 0.5"), makes=BUFFER),
    "custom-none": Plant(
        ("h = Fn{n}.apply(h)  #: custom-gradient",), top=(*FUNCTION, "        return None  #: custom-gradient")
    ),
    "custom-zeros": Plant(
        ("h = Fn{n}.apply(h)  #: custom-gradient",),
        top=(*FUNCTION, "        return torch.zeros_like(grad)  #: custom-gradient"),
    ),
    "dropped": Plant(
        ("extra = {o}.{n}(h)  #: unused-output", "h = torch.tanh(h)  #: unused-output"),
        makes=("self.{n} = nn.Linear(4, 4)",),
    ),
    "dropped-beside": Plant(
        ("h, spare = h * 0.5, {o}.{n}(h)  #: unused-output", "h = torch.tanh(h)  #: unused-output"),
        makes=("self.{n} = nn.Linear(4, 4)",),
    ),
    "never-called": Plant((), makes=("self.{n} = nn.Linear(4, 4)  #: not-called",)),
    "branch-not-taken": Plant(
        ("if h.shape[0] > 100:  #: not-called", "    h = {o}.{n}(h)  #: not-called"),
        makes=("self.{n} = nn.Linear(4, 4)  #: not-called",),
    ),
    "in-a-list": Plant(
        ("for each in {o}.{n}:", "    h = torch.tanh(each(h))"),
        makes=("self.{n} = [nn.Linear(4, 4), nn.Linear(4, 4)]  #: untracked",),
    ),
    "copied-weight": Plant(
        ("h = h @ {o}.{n}.data  #: stop-gradient",), makes=("self.{n} = nn.Parameter(torch.randn(4, 4))",)
    ),
    "rewrapped": Plant(
        ("h = nn.Parameter(h)  #: replaced-parameter, stop-gradient, not-watched",),
    ),
    "requires-grad-again": Plant(("h = h.detach().requires_grad_()  #: stop-gradient",)),
}
# Faults that take no gradient away from the parameters of ``model``, and are to be told all the same.
TOLD = frozenset(("in-a-list", "replaced-head", "other-model", "frozen-all", "rewrapped"))
# Faults for which autograd answers zeros, by structure.
ZEROS = frozenset(("round", "sign", "floor", "bernoulli", "custom-zeros"))
MAKING_FAULTS: dict[str, list[str]] = {}
TRAINING_FAULTS = (
    "loss-item",
    "loss-detached",
    "output-detached",
    "forward-unrecorded",
    "second-head-dropped",
    "replaced-head",
    "frozen-all",
    "other-model",
)
HARMLESS = {
    "straight-through": Plant(("h = h + (torch.round(h) - h).detach()",)),
    "half-detached": Plant(("h = 0.5 * h + 0.5 * h.detach()",)),
    "logged": Plant(("seen = float(h.detach().abs().mean())",)),
    "plotted": Plant(("picture = h.detach().cpu().numpy()", "top = picture.max()")),
    "argmax-read": Plant(("choice = h.argmax(dim=-1)",)),
    "masked": Plant(("h = h * (h > -1000).float()",)),
    "sorted": Plant(("h = h[:, torch.argsort(h[0])]",)),
    "statistic": Plant(("with torch.no_grad():", "    {o}.{n}.mul_(0.9).add_(0.1 * h)"), makes=BUFFER),
    "normalised": Plant(("h = h / (h.detach().abs().max() + 1.0)",)),
    "own-function": Plant(
        ("h = Fn{n}.apply(h)",), top=(*(line.partition("  #:")[0] for line in FUNCTION), "        return grad * 2.0")
    ),
    "checked": Plant(("assert not torch.isnan(h).any()",)),
    "noise": Plant(("h = h + 0.01 * torch.randn_like(h)",)),
    "dropout": Plant(("h = F.dropout(h, 0.1, training={o}.training)",), makes=()),
    "constant": Plant(("h = h + torch.tensor([0.1, 0.2, 0.3, 0.4])",)),
    "in-place": Plant(("h = h.clone()", "h[:, 0] = h[:, 0] * 2.0")),
    "taken-apart": Plant(("first, rest = h[:, :1], h[:, 1:]", "h = torch.cat([first, rest], dim=1)")),
    "there-and-back": Plant(("h = h.double()", "h = h.float()")),
}
EXTRAS = ("logging", "metric", "evaluation", "teacher", "clipping", "numpy", "clamped", "average")
OPTIMIZERS = {
    "sgd": "torch.optim.SGD({p}, lr=0.05)",
    "adam": "torch.optim.Adam({p}, lr=0.01)",
    "momentum": "torch.optim.SGD({p}, lr=0.01, momentum=0.9)",
}


def head(index: int) -> tuple[str, str]:
    return f"head{index}", f"out{index}"


def make(name: str, kind: str) -> list[str]:
    return [f"self.{name} = {LAYERS[kind]}"]


def call(owner: str, name: str, kind: str, value: str) -> str:
    return CALLS.get(kind, "{o}.{n}({h})").format(o=owner, n=name, h=value)


def room(place: Room, lines: list[str]) -> list[str]:
    """A module's class."""
    written = [
        f"class {place.name}(nn.Module):",
        "    def __init__(self):",
        "        super().__init__()",
        *indented(indented(place.makes)),
        "",
        "    def forward(self, h):",
        *indented(indented(lines)),
    ]
    for function in place.functions:
        written += ["", *indented(function)]
    return written


def _module(writer: Writer, node: Nest, place: Room, owner: str) -> list[str]:
    number = next(writer.numbers)
    inner = Room(f"Block{number}")
    writer.close(inner, [*writer.body(node.body, inner, OWNER), "return h"])
    place.makes.append(f"self.block{number} = Block{number}()")
    return [f"h = {owner}.block{number}(h)"]


def _method(writer: Writer, node: Nest, place: Room, owner: str) -> list[str]:
    name = f"_part{next(writer.numbers)}"
    place.functions.append([f"def {name}(self, h):", *indented([*writer.body(node.body, place, OWNER), "return h"])])
    return [f"h = {owner}.{name}(h)"]


def _function(writer: Writer, node: Nest, place: Room, owner: str) -> list[str]:
    name = f"part{next(writer.numbers)}"
    lines = writer.body(node.body, place, "net")
    writer.tops.append([f"def {name}(net, h):", *indented([*lines, "return h"])])
    return [f"h = {name}({owner}, h)"]


NESTS = {"module": _module, "method": _method, "function": _function}


# -- the script ---------------------------------------------------------------------------------------------------


def _losses(program: Program) -> list[str]:
    names = [head(index)[1] for index in range(program.heads)]
    called = f"{', '.join(names)} = model(x)"
    dropped = program.fault == "second-head-dropped" and program.heads == 2
    lines = [f"{called}{'  #: unused-output' if dropped else ''}"]
    if program.fault == "forward-unrecorded":
        lines = ["with torch.no_grad():  #: recording-off", f"    {called}  #: recording-off"]
    if program.fault == "output-detached":
        lines.append("out0 = out0.detach()  #: stop-gradient")
    used = names[:1] if dropped else names
    loss = " + ".join(f"F.mse_loss({name}, y)" for name in used)
    lines.append(f"loss = {loss}{'  #: unused-output' if dropped else ''}")
    if program.fault == "loss-item":
        lines.append("loss = torch.tensor(loss.item(), requires_grad=True)  #: left-framework")
    if program.fault == "loss-detached":
        lines.append("loss = loss.detach().requires_grad_()  #: stop-gradient")
    return lines


_EXTRA_STEPS = {
    "logging": ["history.append(loss.item())"],
    "metric": ["hits = (out0.argmax(dim=-1) == y.argmax(dim=-1)).float().mean()"],
    "evaluation": ["with torch.no_grad():", "    model.eval()", "    model(x)", "    model.train()"],
    "numpy": ["history.append(float(np.mean(out0.detach().numpy())))"],
    "clamped": ["with torch.no_grad():", "    for p in model.parameters():", "        p.clamp_(-5.0, 5.0)"],
    "average": [
        "with torch.no_grad():",
        "    for p, q in zip(model.parameters(), averaged.parameters()):",
        "        q.lerp_(p, 0.1)",
    ],
}


def _backward(program: Program) -> list[str]:
    return ["optimizer.zero_grad()", *_losses(program), "loss.backward()"]


def _late_zero(program: Program) -> list[str]:
    return [*_losses(program), "model.zero_grad()", "loss.backward()"]


def _grad(program: Program) -> list[str]:
    return [
        *_losses(program),
        "params = list(model.parameters())",
        "grads = torch.autograd.grad(loss, params, allow_unused=True)",
        "for p, g in zip(params, grads):",
        "    p.grad = g",
    ]


def _accumulated(program: Program) -> list[str]:
    return [
        "optimizer.zero_grad()",
        "for half in range(2):",
        *indented([*_losses(program), "(loss / 2).backward()"]),
    ]


TRAININGS = {"backward": _backward, "late-zero": _late_zero, "grad": _grad, "accumulated": _accumulated}


def training(program: Program) -> list[str]:
    """The script below the classes; it leaves ``model`` and ``optimizer`` behind."""
    step = TRAININGS[program.training](program)
    if program.fault == "other-model":
        asks = ("loss.backward()", "(loss / 2).backward()", "grads = torch.autograd.grad")
        step = [f"{line}  #: wrong-source" if line.strip().startswith(asks) else line for line in step]
    if "clipping" in program.extras:
        step.append("nn.utils.clip_grad_norm_(model.parameters(), 10.0)")
    mark = "  #: not-called, wrong-source" if program.fault == "other-model" else ""
    step.append(f"optimizer.step(){mark}")
    for extra in program.extras:
        step += _EXTRA_STEPS.get(extra, [])
    if "teacher" in program.extras:
        at = next(i for i, line in enumerate(step) if line.strip().startswith("loss ="))
        margin = step[at][: len(step[at]) - len(step[at].lstrip())]
        step.insert(at + 1, f"{margin}loss = loss + 0.1 * F.mse_loss(out0, teacher(x))")
    lines = [f"{function}({program.seed})" for function in ("random.seed", "np.random.seed", "torch.manual_seed")]
    lines.append("model = Net()")
    if "teacher" in program.extras:
        lines += ["teacher = nn.Linear(4, 4)", "for p in teacher.parameters():", "    p.requires_grad_(False)"]
    if "average" in program.extras:
        lines += ["averaged = Net()", "averaged.load_state_dict(model.state_dict())"]
    if program.fault == "frozen-all":
        lines += ["for p in model.parameters():", "    p.requires_grad = False  #: frozen"]
    held = "model.parameters()"
    if program.fault == "other-model":
        lines.append("other = Net()  #: wrong-source, replaced-parameter, not-called")
        held = "other.parameters()"
    mark = "  #: wrong-source, replaced-parameter, not-called" if program.fault == "other-model" else ""
    lines.append(f"optimizer = {OPTIMIZERS[program.optimizer].format(p=held)}{mark}")
    if program.fault == "replaced-head":
        lines.append("model.head0 = nn.Linear(4, 4)  #: replaced-parameter, not-updated")
    lines += ["x = torch.randn(6, 4)", "y = torch.rand(6, 4)", "history = []"]
    lines += [f"for step in range({program.steps}):", *indented(step)]
    lines.append('print("done", loss.item())')
    if not program.wrapped:
        return lines
    return ["def train():", *indented([*lines, "return model, optimizer"]), "", "", "model, optimizer = train()"]
