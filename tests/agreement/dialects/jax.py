"""JAX with Flax (linen) and Optax: modules, and the script that trains them."""

from __future__ import annotations

from dataclasses import replace

from agreement.dialects import jax_losses as losses
from agreement.dialects.jax_losses import EXTRAS as EXTRAS
from agreement.dialects.jax_losses import NOTED as NOTED
from agreement.dialects.jax_losses import OPTIMIZERS as OPTIMIZERS
from agreement.dialects.jax_plants import BY_VALUE as BY_VALUE
from agreement.dialects.jax_plants import DEBATABLE as DEBATABLE
from agreement.dialects.jax_plants import FADING as FADING
from agreement.dialects.jax_plants import FAULTS as FAULTS
from agreement.dialects.jax_plants import HARMLESS as HARMLESS
from agreement.dialects.jax_plants import MAKING_FAULTS as MAKING_FAULTS
from agreement.dialects.jax_plants import TOLD as TOLD_PLANTS
from agreement.dialects.jax_plants import TRAINING_FAULTS as TRAINING_FAULTS
from agreement.dialects.jax_plants import ZEROS as ZEROS
from agreement.grammar import Program
from agreement.writing import Room, indented

TOLD = TOLD_PLANTS | {"loss-float"}
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
    "from flax.training import train_state",
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


def settled(program: Program) -> Program:
    """A loss that reads the surrounding weights stands in the loop that rebinds them; what is held takes some steps."""
    if program.fault == "root-of-zero":
        return replace(program, steps=losses.HELD_STEPS, optimizer="sgd")  # others leave out what is not finite
    if program.fault in losses.HELD:
        training = "eager" if program.fault == "not-applied" else program.training
        return replace(program, steps=losses.HELD_STEPS, training=training)
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
    return losses.loss(program, 'model.apply({"params": params}, x)', "params", "p", aux)


def _asked(program: Program, aux: bool = False) -> str:
    options = ", has_aux=True" if aux else ""
    return losses.asked(program, f"jax.value_and_grad(loss_fn{options})(params)", aux)


def _updated(program: Program) -> list[str]:
    return [] if program.fault == "not-applied" else UPDATE


UPDATE = ["updates, state = tx.update(grads, state)", "params = optax.apply_updates(params, updates)"]


def _eager(program: Program) -> list[str]:
    return [
        *_loss(program),
        "",
        "",
        f"for step in range({program.steps}):",
        *indented([_asked(program), *_updated(program), *losses.after(program)]),
    ]


def _aux(program: Program) -> list[str]:
    return [
        *_loss(program, aux=True),
        "",
        "",
        f"for step in range({program.steps}):",
        *indented([_asked(program, aux=True), *_updated(program), *losses.after(program, ("metric",))]),
    ]


def _compiled(program: Program) -> list[str]:
    return [
        "@jax.jit",
        "def train_step(params, state):",
        *indented([*_loss(program), "", _asked(program), *_updated(program), "return params, state, loss, grads"]),
        "",
        "",
        f"for step in range({program.steps}):",
        *indented(["params, state, loss, grads = train_step(params, state)", *losses.after(program)]),
        "",
        "",
        *_loss(program),
    ]


def _scanned(program: Program) -> list[str]:
    return [
        "def one_step(carry, _):",
        "    params, state = carry",
        *indented(
            [*_loss(program), "", _asked(program), *_updated(program), "return (params, state), (loss, grads)"],
        ),
        "",
        "",
        f"(params, state), (losses, grads) = jax.lax.scan(one_step, (params, state), length={program.steps})",
        "loss = losses[-1]",
        "",
        "",
        *_loss(program),
    ]


def _jitted(program: Program) -> list[str]:
    """The request alone is compiled."""
    return [
        *_loss(program),
        "",
        "",
        "request = jax.jit(jax.value_and_grad(loss_fn))",
        f"for step in range({program.steps}):",
        *indented([losses.asked(program, "request(params)"), *_updated(program), *losses.after(program)]),
    ]


def _held(program: Program) -> list[str]:
    """The weights and the optimizer are in one state."""
    update = [] if program.fault == "not-applied" else ["state = state.apply_gradients(grads=grads)"]
    return [
        *_loss(program),
        "",
        "",
        "state = train_state.TrainState.create(apply_fn=model.apply, params=params, tx=tx)",
        f"for step in range({program.steps}):",
        *indented([losses.asked(program, "jax.value_and_grad(loss_fn)(state.params)"), *update]),
        *indented(losses.after(program)),
        "params = state.params",
    ]


TRAININGS = {
    "eager": _eager,
    "aux": _aux,
    "compiled": _compiled,
    "scanned": _scanned,
    "jitted": _jitted,
    "held": _held,
}


def training(program: Program) -> list[str]:
    """The script below the classes; it leaves ``params``, ``grads`` and ``loss_fn`` behind."""
    lines = [
        *losses.data(program),
        "model = Net()",
        'params = model.init(draws[2], x)["params"]',
        f"tx = {losses.optimizer(program)}",
        "state = tx.init(params)",
        "history = []",
        *TRAININGS[program.training](program),
        'print("done", float(loss))',
    ]
    return losses.wrapped(program, lines, "params, grads, loss_fn")
