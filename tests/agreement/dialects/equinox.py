"""Equinox on JAX: models that are trees of arrays, trained with filters or taken apart."""

from __future__ import annotations

from dataclasses import replace

from agreement.dialects import jax_losses as losses
from agreement.dialects.jax import ACTS as ACTS_OF_JAX
from agreement.dialects.jax import HEAD as HEAD
from agreement.dialects.jax import JOINS as JOINS
from agreement.dialects.jax import TOLD as TOLD
from agreement.dialects.jax import ZEROS as ZEROS
from agreement.dialects.jax_losses import EXTRAS as EXTRAS
from agreement.dialects.jax_losses import NOTED as NOTED
from agreement.dialects.jax_losses import OPTIMIZERS as OPTIMIZERS
from agreement.dialects.jax_plants import BY_VALUE as BY_VALUE
from agreement.dialects.jax_plants import DEBATABLE as DEBATABLE
from agreement.dialects.jax_plants import FADING as FADING
from agreement.dialects.jax_plants import FAULTS as FAULTS_OF_JAX
from agreement.dialects.jax_plants import HARMLESS as HARMLESS
from agreement.dialects.jax_plants import LOOPED
from agreement.dialects.jax_plants import MAKING_FAULTS as MAKING_FAULTS
from agreement.dialects.jax_plants import TRAINING_FAULTS as TRAINING_FAULTS
from agreement.grammar import Program
from agreement.writing import Plant, Room, indented

IMPORTS = (
    "import math",
    "import random",
    "from typing import Any",
    "",
    "import equinox as eqx",
    "import jax",
    "import jax.numpy as jnp",
    "import numpy as np",
    "import optax",
    "",
    "keys = iter(jax.random.split(jax.random.PRNGKey(3), 99))",
)
ACTS = ACTS_OF_JAX | {"gelu": "jax.nn.gelu({h})"}
LAYERS = {
    "dense": "eqx.nn.Linear(4, 4, key=next(keys))",
    "stack": "eqx.nn.MLP(4, 4, 5, 1, activation=jnp.tanh, key=next(keys))",
    "norm": "eqx.nn.LayerNorm(4)",
    "scale": "jnp.ones(4)",
    "weight": "0.5 * jax.random.normal(next(keys), (4, 4))",
    "many": "[eqx.nn.Linear(4, 4, key=next(keys)), eqx.nn.Linear(4, 4, key=next(keys))]",
    "gru": "eqx.nn.GRUCell(1, 4, key=next(keys))",
    "attention": "eqx.nn.MultiheadAttention(2, 4, key=next(keys))",
    "conv": "eqx.nn.Conv1d(1, 1, 3, padding=1, key=next(keys))",
    "embedding": "eqx.nn.Embedding(6, 4, key=next(keys))",
}
_ROW = "jax.lax.scan(lambda c, e: ({o}.{n}(e[None], c), None), jnp.zeros(4), row)[0]"
CALLS = {
    "dense": "jax.vmap({o}.{n})({h})",
    "stack": "jax.vmap({o}.{n})({h})",
    "norm": "jax.vmap({o}.{n})({h})",
    "scale": "{h} * {o}.{n}",
    "weight": "{h} @ {o}.{n}",
    "many": "jax.vmap({o}.{n}[1])(jax.vmap({o}.{n}[0])({h}))",
    "gru": f"jax.vmap(lambda row: {_ROW})({{h}})",
    "attention": "{o}.{n}({h}, {h}, {h})",
    "conv": "jax.vmap({o}.{n})({h}[:, None])[:, 0]",
    "embedding": "{h} + jax.vmap({o}.{n})(jnp.arange(6))",
}
_MADE = ("self.{n} = eqx.nn.Linear(4, 4, key=next(keys))",)


def _mapped(line: str) -> str:
    return line.replace("{o}.{n}(h)", "jax.vmap({o}.{n})(h)")


FAULTS = {
    kind: replace(plant, lines=tuple(map(_mapped, plant.lines)), makes=_MADE) if plant.makes else plant
    for kind, plant in FAULTS_OF_JAX.items()
    if kind not in LOOPED  # no gradients are left behind that show their zeros
} | {
    "branch-not-taken": Plant(
        ("if h.shape[0] > 100:  #: not-called", "    h = jax.vmap({o}.{n})(h)  #: not-called"),
        makes=(f"{_MADE[0]}  #: not-called",),
    ),
}


def settled(program: Program) -> Program:
    """A loss that reads the surrounding model stands in the loop that rebinds it; what is held takes some steps."""
    if program.fault == "root-of-zero":
        return replace(program, steps=losses.HELD_STEPS, optimizer="sgd")  # others leave out what is not finite
    if program.fault in losses.HELD:
        return replace(program, steps=losses.HELD_STEPS)
    return replace(program, training="eager") if program.fault == "closed-over" else program


def room(place: Room, lines: list[str]) -> list[str]:
    """A module's class, with the fields that its constructor fills."""
    names = [line.partition(" =")[0].removeprefix("self.") for line in place.makes]
    written = [
        f"class {place.name}(eqx.Module):",
        *indented([f"{name}: Any" for name in names]),
        "",
        "    def __init__(self):",
        *indented(indented(place.makes or ["pass"])),
        "",
        place.forward("def __call__(self, h):"),
        *indented(indented(lines)),
    ]
    for function in place.functions:
        written += ["", *indented(function)]
    return written


# -- the script ---------------------------------------------------------------------------------------------------

UPDATE = ["updates, state = tx.update(grads, state)", "model = eqx.apply_updates(model, updates)"]


def _loss(program: Program, aux: bool = False) -> list[str]:
    return losses.loss(program, "model(x)", "model", "net", aux)


def _asked(program: Program, aux: bool = False) -> str:
    options = ", has_aux=True" if aux else ""
    return losses.asked(program, f"eqx.filter_value_and_grad(loss_fn{options})(model)", aux)


def _updated(program: Program) -> list[str]:
    return [] if program.fault == "not-applied" else UPDATE


def _loop(program: Program, aux: bool) -> list[str]:
    more = ("metric",) if aux else ()
    return [
        *_loss(program, aux),
        "",
        "",
        f"for step in range({program.steps}):",
        *indented([_asked(program, aux), *_updated(program), *losses.after(program, more)]),
    ]


def _eager(program: Program) -> list[str]:
    return _loop(program, aux=False)


def _aux(program: Program) -> list[str]:
    return _loop(program, aux=True)


def _compiled(program: Program) -> list[str]:
    return [
        *_loss(program),
        "",
        "",
        "@eqx.filter_jit",
        "def train_step(model, state):",
        *indented([_asked(program), *_updated(program), "return model, state, loss"]),
        "",
        "",
        f"for step in range({program.steps}):",
        *indented(["model, state, loss = train_step(model, state)", *losses.after(program)]),
    ]


def _apart(program: Program) -> list[str]:
    """The arrays of the model are taken out of it, and put together with the rest where it runs."""
    applied = ["updates, state = tx.update(grads, state)", "params = optax.apply_updates(params, updates)"]
    request = losses.asked(program, "jax.value_and_grad(whole)(params)")
    return [
        "params, rest = eqx.partition(model, eqx.is_inexact_array)",
        *_loss(program),
        "",
        "",
        "@jax.jit",
        "def train_step(params, state):",
        "    def whole(params):",
        "        return loss_fn(eqx.combine(params, rest))",
        "",
        *indented([request, *([] if program.fault == "not-applied" else applied), "return params, state, loss"]),
        "",
        "",
        f"for step in range({program.steps}):",
        *indented(["params, state, loss = train_step(params, state)", *losses.after(program)]),
        "model = eqx.combine(params, rest)",
    ]


TRAININGS = {"eager": _eager, "aux": _aux, "compiled": _compiled, "apart": _apart}


def training(program: Program) -> list[str]:
    """The script below the classes; it leaves ``model`` and ``loss_fn`` behind."""
    lines = [
        *losses.data(program),
        "model = Net()",
        f"tx = {losses.optimizer(program)}",
        "state = tx.init(eqx.filter(model, eqx.is_inexact_array))",
        "history = []",
        *TRAININGS[program.training](program),
        'print("done", float(loss))',
    ]
    return losses.wrapped(program, lines, "model, loss_fn")
