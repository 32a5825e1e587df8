"""What is planted into programs of PyTorch: faults, and what only looks like one."""

from __future__ import annotations

from agreement.writing import Plant

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
    "inference-mode": Plant(
        ("with torch.inference_mode():  #: recording-off", "    h = torch.cos(h)  #: recording-off", "h = h.clone()")
    ),
    "checkpoint-unrecorded": Plant(
        (
            "with torch.no_grad():  #: recording-off",
            "    h = checkpoint(torch.sin, h, use_reentrant=False)  #: recording-off",
        )
    ),
    "multinomial": Plant(
        (
            "drawn = torch.multinomial(torch.softmax(h, dim=-1), 1)  #: non-differentiable-op",
            "h = torch.zeros_like(h).scatter(1, drawn, 1.0)",
        )
    ),
    "normal-drawn": Plant(("h = torch.normal(h, 0.1)  #: non-differentiable-op",)),
    "in-a-dict": Plant(
        ('h = torch.tanh({o}.{n}["only"](h))',),
        makes=('self.{n} = {{"only": nn.Linear(4, 4)}}  #: untracked',),
    ),
    "in-a-loop": Plant(
        (
            "rows = []",
            "for row in h:",
            "    rows.append(row.detach() * 1.5)  #: stop-gradient",
            "h = torch.stack(rows)",
        )
    ),
    "in-a-comprehension": Plant(("h = torch.stack([torch.tensor(row.tolist()) for row in h])  #: left-framework",)),
    "by-a-helper": Plant(
        ("h = keep_{n}(h)",),
        top=(
            "def keep_{n}(value):",
            "    kept = value.detach()  #: stop-gradient",
            "    return kept.clone()",
        ),
    ),
    "dead-relu": Plant(("h = F.relu(h - 1000.0) + 0.5  #: zero-gradient",)),
    "clamped-away": Plant(("h = h.clamp(100.0, 200.0) - 99.5  #: zero-gradient",)),
    "times-zeros": Plant(("h = h * torch.zeros(4) + 0.5  #: zero-gradient",)),
    "softmax-of-one": Plant(("h = torch.softmax(h[:, :1], dim=1).expand(6, 4)  #: zero-gradient",)),
    "root-of-zero": Plant(("h = torch.sqrt(h * 0.0) + 0.5  #: nonfinite-gradient",)),
    "where-trap": Plant(
        (
            "h = torch.where(",
            "    h > 1000.0,  #: nonfinite-gradient",
            "    torch.log(torch.zeros_like(h) * h),  #: nonfinite-gradient",
            "    h,",
            ")",
        )
    ),
    "requires-grad-again": Plant(("h = h.detach().requires_grad_()  #: stop-gradient",)),
}
# Faults that take no gradient away from the parameters of ``model``, and are to be told all the same.
TOLD = frozenset(("in-a-list", "in-a-dict", "replaced-head", "other-model", "frozen-all"))
# Faults of which something may be said where another way leads around them, and need not.
DEBATABLE = frozenset(("rewrapped",))
# Faults for which autograd answers zeros, by structure.
ZEROS = frozenset(("round", "sign", "floor", "bernoulli", "custom-zeros", "normal-drawn"))
# Faults by value: told when enough steps have agreed.
BY_VALUE = frozenset(
    ("dead-relu", "clamped-away", "times-zeros", "softmax-of-one", "root-of-zero", "where-trap", "no-rate", "cleared")
)
# Of these, what no parameter may feel that has another way around it.
FADING = frozenset(("dead-relu", "clamped-away", "times-zeros", "softmax-of-one"))
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
    "no-rate",
    "cleared",
)
HARMLESS = {
    "straight-through": Plant(("h = h + (torch.round(h * 50) / 50 + 0.01 - h).detach()",)),
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
    "recomputed": Plant(("h = checkpoint(torch.sin, h, use_reentrant=False)",)),
    "mapped": Plant(("h = torch.vmap(lambda row: torch.tanh(row) * 1.1)(h)",)),
    "reshaped": Plant(("h = h.reshape(3, 2, 4).transpose(0, 1).reshape(6, 4)",)),
    "hooked": Plant(("if h.requires_grad:", "    h.register_hook(lambda g: g * 1.0)")),
    "running-mean": Plant(
        ("with torch.no_grad():", "    {o}.{n}.copy_(0.9 * {o}.{n} + 0.1 * h)", "h = h - {o}.{n}"), makes=BUFFER
    ),
    "picked": Plant(("h = h + 0.1 * h.gather(1, h.argmax(dim=1, keepdim=True))",)),
    "added-in-place": Plant(("h = h * 1.0", "h += 0.1", "h.mul_(1.01)")),
    "in-rows": Plant(("h = torch.stack([torch.sin(row) for row in h.unbind(0)])",)),
    "there-and-back": Plant(("h = h.double()", "h = h.float()")),
}
