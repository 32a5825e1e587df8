"""JAX with Flax (linen) and Optax: modules, and the script that trains them."""

from __future__ import annotations

from dataclasses import replace

from agreement.dialects.jax_plants import BY_VALUE as BY_VALUE
from agreement.dialects.jax_plants import DEBATABLE as DEBATABLE
from agreement.dialects.jax_plants import FADING as FADING
from agreement.dialects.jax_plants import FAULTS as FAULTS
from agreement.dialects.jax_plants import HARMLESS as HARMLESS
from agreement.dialects.jax_plants import MAKING_FAULTS as MAKING_FAULTS
from agreement.dialects.jax_plants import TOLD as TOLD_PLANTS
from agreement.dialects.jax_plants import TRAINING_FAULTS as TRAINING_FAULTS
from agreement.dialects.jax_plants import ZEROS as ZEROS_PLANTS
from agreement.grammar import Program
from agreement.writing import Room, head, indented

TOLD = TOLD_PLANTS | {"loss-float"}
ZEROS = ZEROS_PLANTS | frozenset(TRAINING_FAULTS)
HEAD = "dense"
IMPORTS = (
    "import math",
    "import random",
    "",
    "import flax.linen as nn",
    "import jax",
    "import jax.numpy as jnp",
    "import numpy as np",
    "import optax",
)
ACTS = {
    "tanh": "jnp.tanh({h})",
    "gelu": "nn.gelu({h})",
    "silu": "jax.nn.silu({h})",
    "sigmoid": "jax.nn.sigmoid({h})",
    "softplus": "jax.nn.softplus({h})",
    "scaled": "0.5 * {h}",
    "squared": "jnp.tanh({h}) ** 2 + 0.1",
    "softmax": "jax.nn.softmax({h}, axis=-1)",
    "clamped": "jnp.clip({h}, -50.0, 50.0)",
}
LAYERS = {
    "dense": "nn.Dense(4)",
    "stack": "nn.Sequential([nn.Dense(5), nn.tanh, nn.Dense(4)])",
    "norm": "nn.LayerNorm()",
    "scale": 'self.param("{n}", nn.initializers.ones, (4,))',
    "weight": 'self.param("{n}", nn.initializers.normal(0.5), (4, 4))',
    "many": "[nn.Dense(4), nn.Dense(4)]",
    "gru": "nn.RNN(nn.GRUCell(4))",
    "attention": "nn.MultiHeadDotProductAttention(num_heads=2)",
    "conv": "nn.Conv(1, (3,))",
    "embedding": "nn.Embed(6, 4)",
}
CALLS = {
    "gru": "{o}.{n}({h}[..., None])[:, -1]",
    "attention": "{o}.{n}({h}[None], {h}[None])[0]",
    "conv": "{o}.{n}({h}[..., None])[..., 0]",
    "embedding": "{h} + {o}.{n}(jnp.arange(6))",
    "scale": "{h} * {o}.{n}",
    "weight": "{h} @ {o}.{n}",
    "many": "{o}.{n}[1]({o}.{n}[0]({h}))",
}
JOINS = {
    "add": "{a} + {b}",
    "gate": "{a} * jax.nn.sigmoid({b})",
    "mean": "jnp.stack([{a}, {b}]).mean(0)",
    "halves": "jnp.concatenate([{a}[:, :2], {b}[:, 2:]], axis=1)",
    "where": "jnp.where(jnp.arange(4) < 2, {a}, {b})",
}
EXTRAS = ("logging", "metric", "teacher", "clipping")
OPTIMIZERS = {"sgd": "optax.sgd(0.05)", "adam": "optax.adam(0.01)", "momentum": "optax.sgd(0.01, momentum=0.9)"}


def settled(program: Program) -> Program:
    """A loss that reads the surrounding weights stands in the loop that rebinds them."""
    return replace(program, training="eager") if program.fault == "closed-over" else program


def room(place: Room, lines: list[str]) -> list[str]:
    """A module's class."""
    written = [
        f"class {place.name}(nn.Module):",
        "    def setup(self):",
        *indented(indented(place.makes or ["pass"])),
        "",
        "    def __call__(self, h):",
        *indented(indented(lines)),
    ]
    for function in place.functions:
        written += ["", *indented(function)]
    return written


# -- the script ---------------------------------------------------------------------------------------------------


def _loss(program: Program, aux: bool = False) -> list[str]:
    names = [head(index)[1] for index in range(program.heads)]
    dropped = program.fault == "second-head-dropped" and program.heads == 2
    mark = "  #: unused-output" if dropped else ""
    argument = "p" if program.fault == "closed-over" else "params"
    closed = "  #: wrong-source, not-called" if program.fault == "closed-over" else ""
    lines = [f'{", ".join(names)} = model.apply({{"params": params}}, x){mark}{closed}']
    if program.fault == "output-detached":
        lines.append("out0 = jax.lax.stop_gradient(out0)  #: stop-gradient")
    loss = " + ".join(f"jnp.mean(({name} - y) ** 2)" for name in (names[:1] if dropped else names))
    lines.append(f"loss = {loss}{mark}")
    if "teacher" in program.extras:
        lines.append("loss = loss + 0.1 * jnp.mean((out0 - x @ teacher) ** 2)")
    if program.fault == "loss-detached":
        lines.append("loss = jax.lax.stop_gradient(loss)  #: stop-gradient")
    if program.fault == "loss-float":
        lines.append("loss = jnp.asarray(float(loss))  #: left-framework")
    return [f"def loss_fn({argument}):{closed}", *indented([*lines, f"return {'(loss, out0)' if aux else 'loss'}"])]


def _asked(program: Program, aux: bool = False) -> str:
    mark = "  #: wrong-source, not-called" if program.fault == "closed-over" else ""
    if aux:
        return "(loss, out0), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)"
    return f"loss, grads = jax.value_and_grad(loss_fn)(params){mark}"


UPDATE = ["updates, state = tx.update(grads, state)", "params = optax.apply_updates(params, updates)"]


def _eager(program: Program) -> list[str]:
    return [
        *_loss(program),
        "",
        "",
        f"for step in range({program.steps}):",
        *indented([_asked(program), *UPDATE, *_after(program, ())]),
    ]


def _aux(program: Program) -> list[str]:
    return [
        *_loss(program, aux=True),
        "",
        "",
        f"for step in range({program.steps}):",
        *indented([_asked(program, aux=True), *UPDATE, *_after(program, ("metric",))]),
    ]


def _compiled(program: Program) -> list[str]:
    return [
        "@jax.jit",
        "def train_step(params, state):",
        *indented([*_loss(program), "", _asked(program), *UPDATE, "return params, state, loss, grads"]),
        "",
        "",
        f"for step in range({program.steps}):",
        *indented(["params, state, loss, grads = train_step(params, state)", *_after(program, ())]),
        "",
        "",
        *_loss(program),
    ]


def _scanned(program: Program) -> list[str]:
    return [
        "def one_step(carry, _):",
        "    params, state = carry",
        *indented(
            [*_loss(program), "", _asked(program), *UPDATE, "return (params, state), (loss, grads)"],
        ),
        "",
        "",
        f"(params, state), (losses, grads) = jax.lax.scan(one_step, (params, state), length={program.steps})",
        "loss = losses[-1]",
        "",
        "",
        *_loss(program),
    ]


def _after(program: Program, more: tuple[str, ...]) -> list[str]:
    return [line for extra in program.extras if extra in ("logging", *more) for line in _EXTRA_STEPS[extra]]


_EXTRA_STEPS = {
    "logging": ["history.append(float(loss))"],
    "metric": ["hits = float((jnp.argmax(out0, axis=-1) == jnp.argmax(y, axis=-1)).mean())"],
}
TRAININGS = {"eager": _eager, "aux": _aux, "compiled": _compiled, "scanned": _scanned}


def training(program: Program) -> list[str]:
    """The script below the classes; it leaves ``params``, ``grads`` and ``loss_fn`` behind."""
    optimizer = OPTIMIZERS[program.optimizer]
    if "clipping" in program.extras:
        optimizer = f"optax.chain(optax.clip_by_global_norm(10.0), {optimizer})"
    lines = [
        f"random.seed({program.seed})",
        f"np.random.seed({program.seed})",
        "model = Net()",
        f"keys = jax.random.split(jax.random.PRNGKey({program.seed}), 4)",
        "x = jax.random.normal(keys[0], (6, 4))",
        "y = jax.random.uniform(keys[1], (6, 4))",
        'params = model.init(keys[2], x)["params"]',
    ]
    if "teacher" in program.extras:
        lines.append("teacher = jax.random.normal(keys[3], (4, 4))")
    lines += [
        f"tx = {optimizer}",
        "state = tx.init(params)",
        "history = []",
        *TRAININGS[program.training](program),
        'print("done", float(loss))',
    ]
    if not program.wrapped:
        return lines
    return [
        "def train():",
        *indented([*lines, "return params, grads, loss_fn"]),
        "",
        "",
        "params, grads, loss_fn = train()",
    ]
