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
# No two of its numbers are the same: a layer that norms the same ones has zeros by value.
SPREAD = "torch.linspace(0.1, 0.9, 24).view(6, 4)"
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
    "round": Plant((f"h = torch.round(h * 10) / 10 + {SPREAD}  #: non-differentiable-op",)),
    "sign": Plant((f"h = h.sign() + {SPREAD}  #: non-differentiable-op",)),
    "floor": Plant((f"h = torch.floor(h * 4) + {SPREAD}  #: non-differentiable-op",)),
    "argmax": Plant(
        (
            "best = h.argmax(dim=-1)  #: non-differentiable-op",
            "h = F.one_hot(best, 4).float()",
        )
    ),
    "compare": Plant(("h = (h > 0.1).float() + 0.5  #: non-differentiable-op, integer-dtype",)),
    "sort-indices": Plant(("h = torch.argsort(h, dim=-1).float()  #: non-differentiable-op",)),
    "bernoulli": Plant((f"h = torch.bernoulli(torch.sigmoid(h)) + {SPREAD}  #: non-differentiable-op",)),
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
    "dead-relu": Plant((f"h = F.relu(h - 1000.0) + {SPREAD}  #: zero-gradient",)),
    "clamped-away": Plant((f"h = h.clamp(100.0, 200.0) - 100.0 + {SPREAD}  #: zero-gradient",)),
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
    "topk-indices": Plant(("h = h.topk(4, dim=1).indices.float()  #: non-differentiable-op",)),
    "trunc": Plant((f"h = h.mul(5).trunc() / 5 + {SPREAD}  #: non-differentiable-op",)),
    "floats": Plant(("h = torch.tensor([[float(v) for v in row] for row in h])  #: left-framework",)),
    "written-row-by-row": Plant(
        (
            "out = torch.empty(6, 4)",
            "for i, row in enumerate(h):",
            "    out[i] = row.detach() * 1.1  #: stop-gradient",
            "h = out",
        )
    ),
    "masked-out": Plant((f"h = h * (h > 1000.0).float() + {SPREAD}  #: zero-gradient",)),
    "never-chosen": Plant((f"h = torch.where(h > 1000.0, h, {SPREAD})  #: zero-gradient",)),
    "hook-zeros": Plant(
        ("if h.requires_grad:", "    h = h * 1.0", "    h.register_hook(lambda g: g * 0.0)  #: zero-gradient")
    ),
    "plain-tensor": Plant(("h = h * {o}.{n}",), makes=("self.{n} = torch.rand(4, requires_grad=True)  #: untracked",)),
    "written-too-late": Plant(
        ("s = torch.sigmoid(h)", "h = s * 1.5 + s.sin()", "s.add_(1.0)  #: graph-error"),
    ),
}
# Faults that take no gradient away from the parameters of ``model``, and are to be told all the same.
TOLD = frozenset(
    (
        *("in-a-list", "in-a-dict", "replaced-head", "replaced-weight", "other-model", "frozen-all"),
        *("plain-tensor", "written-too-late", "backward-twice"),
    )
)
# Faults of which something may be said where another way leads around them, and need not.
# Faults that may be told as notes: a few units may come back.
NOTED = frozenset(("dead-relu",))
DEBATABLE = frozenset(("rewrapped",))
# Faults for which autograd answers zeros, by structure.
ZEROS = frozenset(("round", "sign", "floor", "trunc", "bernoulli", "custom-zeros", "normal-drawn"))
# Faults by value: told when enough steps have agreed. The first of them no parameter may feel that has another way
# around.
FADING = frozenset(
    ("dead-relu", "clamped-away", "times-zeros", "softmax-of-one", "masked-out", "never-chosen", "hook-zeros")
)
BY_VALUE = FADING | {"root-of-zero", "where-trap", "no-rate", "cleared"}
MAKING_FAULTS: dict[str, list[str]] = {}
TRAINING_FAULTS = (
    "loss-item",
    "loss-detached",
    "output-detached",
    "forward-unrecorded",
    "second-head-dropped",
    "replaced-head",
    "replaced-weight",
    "backward-twice",
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
    "chosen-hard": Plant(("h = h + 0.1 * F.gumbel_softmax(h, hard=True)",)),
    "top-values": Plant(("h = h.topk(4, dim=1).values",)),
    "cumulated": Plant(("h = 0.5 * torch.cumsum(h, dim=1)",)),
    "filled": Plant(("h = h.masked_fill(h < -1000, 0.0)",)),
    "added-by-index": Plant(("h = torch.zeros_like(h).index_add(0, torch.arange(6), h)",)),
    "by-einsum": Plant(('h = torch.einsum("bi,ij->bj", h, torch.eye(4))',)),
    "padded": Plant(("h = F.pad(h, (1, 1))[:, 1:-1].flip(0).roll(1, dims=0)",)),
    "saliency": Plant(
        (
            "with torch.enable_grad():",
            "    side = h.detach().requires_grad_()",
            "    slope = torch.autograd.grad(side.sin().sum(), side)[0]",
            "h = h + 0.1 * slope",
        )
    ),
    "kept-gradient": Plant(("if h.requires_grad:", "    h.retain_grad()")),
    "tied": Plant(
        ("h = {o}.{n}_b(torch.tanh({o}.{n}_a(h)))",),
        makes=(
            "self.{n}_a, self.{n}_b = nn.Linear(4, 4), nn.Linear(4, 4)",
            "self.{n}_b.weight = self.{n}_a.weight",
        ),
    ),
    "filled-row-by-row": Plant(
        ("out = torch.empty(6, 4)", "for i, row in enumerate(h):", "    out[i] = row * 1.1", "h = out")
    ),
    "view-written": Plant(("v = h.clone()", "v[:, 1:].mul_(0.5)", "h = v")),
    "row-copied": Plant(("h = h.clone()", "h[1] = h[0] * 0.5")),
    "scaled-by-data": Plant(("h = h / (h.data.norm() + 1.0)",)),
    "scaled-unrecorded": Plant(("with torch.no_grad():", "    spread = h.std()", "h = h / (spread + 1.0)")),
    "until-small": Plant(("while float(h.detach().abs().max()) > 3.0:", "    h = h * 0.5")),
    "by-fourier": Plant(("h = torch.fft.irfft(torch.fft.rfft(h, dim=1), n=4, dim=1)",)),
    "tried": Plant(
        ("try:", "    h = h.view(-1, 3)", "except RuntimeError:", "    h = h + torch.zeros(1)", "h = h.reshape(6, 4)")
    ),
}
