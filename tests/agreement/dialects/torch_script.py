"""The script of a program of PyTorch: how it trains, and what its loop does besides."""

from __future__ import annotations

from dataclasses import replace

from agreement.dialects.torch_plants import BY_VALUE
from agreement.grammar import Program
from agreement.writing import head, indented

OPTIMIZERS = {
    "sgd": "torch.optim.SGD({p}, lr=0.05)",
    "adam": "torch.optim.Adam({p}, lr=0.01)",
    "momentum": "torch.optim.SGD({p}, lr=0.01, momentum=0.9)",
    "groups": 'torch.optim.AdamW([{{"params": list({p})}}], lr=0.01)',
    "named": "torch.optim.RMSprop({p}, lr=0.01, foreach=False)",
    "fused": "torch.optim.Adam({p}, lr=0.01, fused=True)",
}
# Faults of the loop that only some trainings have.
PLAIN = ("cleared", "backward-twice")
# What knows no bfloat16: NumPy, and some layers.
UNHALVED = ("'numpy'", "'numpy-at-once'", "'plotted'", "'bilinear'")
# A new part that the script puts gradients into itself is a known hole, see docs/limits.md.
REPLACED = {
    "replaced-head": "model.head0 = nn.Linear(4, 4)",
    "replaced-weight": "model.head0.weight = nn.Parameter(model.head0.weight.detach().clone())",
}


def settled(program: Program) -> Program:
    """What a value decides takes a few steps to show, and not every fault and extra is possible in every training."""
    fault = program.fault or ""
    if fault in PLAIN or (program.training == "autocast" and any(kind in repr(program.body) for kind in UNHALVED)):
        program = replace(program, training="backward")
    if fault in REPLACED and program.training == "grad":
        program = replace(program, training="backward")
    if fault in BY_VALUE:  # a loss scaler leaves out steps
        program = replace(program, steps=6, training=program.training.replace("scaled", "backward"))
    left_out = {"penalty", "slope"} if fault else set()  # they move what is lost otherwise
    if program.training == "closure":
        left_out |= {"metric", "numpy"}  # what a closure computes is its own
    if program.training == "autocast":
        left_out |= {"slope", "numpy"}
    if any(kind in repr(program.body) for kind in ("'attention'", "'encoder'")):
        left_out |= {"slope"}  # has no second derivative
    return replace(program, extras=tuple(extra for extra in program.extras if extra not in left_out))


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
    lines += [line for extra, more in _TERMS.items() if extra in program.extras for line in more]
    if program.fault == "loss-item":
        lines.append("loss = torch.tensor(loss.item(), requires_grad=True)  #: left-framework")
    if program.fault == "loss-detached":
        lines.append("loss = loss.detach().requires_grad_()  #: stop-gradient")
    return lines


_TERMS = {
    "teacher": ["loss = loss + 0.1 * F.mse_loss(out0, teacher(x))"],
    "penalty": ["loss = loss + 0.001 * sum(p.pow(2).sum() for p in model.parameters())"],
    "slope": [
        "slope = torch.autograd.grad(loss, x, create_graph=True)[0]",
        "loss = loss + 0.01 * slope.pow(2).sum()",
    ],
}
# What is made before the loop, and what follows the step of the optimizer.
_MADE = {
    "teacher": ["teacher = nn.Linear(4, 4)", "for p in teacher.parameters():", "    p.requires_grad_(False)"],
    "average": ["averaged = Net()", "averaged.load_state_dict(model.state_dict())"],
    "frozen-part": ["model.head0.bias.requires_grad_(False)"],
    "second-optimizer": ["sharper = torch.optim.SGD(model.head0.parameters(), lr=0.001)"],
}
_AFTER = {
    "schedule": ["schedule.step()"],
    "second-optimizer": ["sharper.step()"],
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
    "saved": ["best = copy.deepcopy(model.state_dict())", "model.load_state_dict(best)"],
}
EXTRAS = tuple(sorted({*_TERMS, *_MADE, *_AFTER, "clipping"}))
CLIPPING = "nn.utils.clip_grad_norm_(model.parameters(), 10.0)"


def _backward(program: Program) -> list[str]:
    twice = ["loss.backward()  #: graph-error"] * 2 if program.fault == "backward-twice" else ["loss.backward()"]
    return ["optimizer.zero_grad()", *_losses(program), *twice]


def _autocast(program: Program) -> list[str]:
    losses = indented(_losses(program))
    return ["optimizer.zero_grad()", 'with torch.autocast("cpu"):', *losses, "loss.backward()"]


def _late_zero(program: Program) -> list[str]:
    return [*_losses(program), "model.zero_grad()", "loss.backward()"]


def _grad(program: Program) -> list[str]:
    return [
        *_losses(program),
        "params = [p for p in model.parameters() if p.requires_grad]",
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


def _closure(program: Program) -> list[str]:
    return ["def closure():", *indented([*_clipped(program, _backward(program)), "return loss"])]


def _scaled(program: Program) -> list[str]:
    return ["optimizer.zero_grad()", *_losses(program), "scaler.scale(loss).backward()", "scaler.unscale_(optimizer)"]


TRAININGS = {
    "backward": _backward,
    "late-zero": _late_zero,
    "grad": _grad,
    "accumulated": _accumulated,
    "autocast": _autocast,
    "closure": _closure,
    "scaled": _scaled,
}
# How the optimizer is stepped in other trainings than by ``optimizer.step()``.
STEPS = {"closure": ["loss = optimizer.step(closure)"], "scaled": ["scaler.step(optimizer)", "scaler.update()"]}
# The lines that ask for gradients, which may be blamed where another model's are meant.
ASKS = ("loss.backward()", "(loss / 2).backward()", "grads = torch.autograd.grad", "scaler.scale(loss)")


def _clipped(program: Program, step: list[str]) -> list[str]:
    return [*step, CLIPPING] if "clipping" in program.extras else step


def _step(program: Program) -> list[str]:
    """One turn of the loop."""
    step = TRAININGS[program.training](program)
    other = program.fault == "other-model"
    if other:
        step = [f"{line}  #: wrong-source" if line.strip().startswith(ASKS) else line for line in step]
    if program.training != "closure":
        step = _clipped(program, step)
    if program.fault == "cleared":
        step.append("optimizer.zero_grad()  #: not-updated")
    first, *more = STEPS.get(program.training, ["optimizer.step()"])
    step += [f"{first}  #: not-called, wrong-source" if other else first, *more]
    return [*step, *(line for extra, lines in _AFTER.items() if extra in program.extras for line in lines)]


def _optimizer(program: Program) -> list[str]:
    """The lines that make the optimizer, and what replaces a part of the model behind it."""
    lines, held, mark = [], "model.parameters()", ""
    if program.fault == "other-model":
        mark = "  #: wrong-source, replaced-parameter, not-called"
        lines, held = [f"other = Net(){mark}"], "other.parameters()"
    optimizer = OPTIMIZERS[program.optimizer].format(p=held)
    if program.fault == "no-rate":
        optimizer, mark = optimizer.replace("lr=0.0", "lr=0.0 * 0."), "  #: not-updated"
    lines.append(f"optimizer = {optimizer}{mark}")
    if program.training == "scaled":
        lines.append('scaler = torch.amp.GradScaler("cpu")')
    if "schedule" in program.extras:
        lines.append("schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.9)")
    if program.fault in REPLACED:
        lines.append(f"{REPLACED[program.fault]}  #: replaced-parameter, not-updated")
    return lines


def training(program: Program) -> list[str]:
    """The script below the classes; it leaves ``model`` and ``optimizer`` behind."""
    lines = [f"{function}({program.seed})" for function in ("random.seed", "np.random.seed", "torch.manual_seed")]
    lines.append("model = Net()")
    lines += [line for extra, made in _MADE.items() if extra in program.extras for line in made]
    if program.fault == "frozen-all":
        lines += ["for p in model.parameters():", "    p.requires_grad = False  #: frozen"]
    lines += _optimizer(program)
    data = "x = torch.randn(6, 4, requires_grad=True)" if "slope" in program.extras else "x = torch.randn(6, 4)"
    lines += [data, "y = torch.rand(6, 4)", "history = []"]
    lines += [f"for step in range({program.steps}):", *indented(_step(program))]
    lines.append('print("done", loss.item())')
    if not program.wrapped:
        return lines
    return ["def train():", *indented([*lines, "return model, optimizer"]), "", "", "model, optimizer = train()"]
