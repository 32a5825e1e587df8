"""Flax NNX on JAX: models that are objects, trained in place, compiled, or taken apart into states."""

from __future__ import annotations

from dataclasses import replace

from agreement.dialects import jax_losses as losses
from agreement.dialects.jax import ACTS as ACTS
from agreement.dialects.jax import HEAD as HEAD
from agreement.dialects.jax import JOINS as JOINS
from agreement.dialects.jax import TOLD as TOLD_OF_JAX
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
from agreement.writing import Plant, Room, class_of, indented

TOLD = TOLD_OF_JAX | {"plain"}
IMPORTS = (
    "import math",
    "import random",
    "",
    "import jax",
    "import jax.numpy as jnp",
    "import numpy as np",
    "import optax",
    "from flax import nnx",
    "",
    "nn = nnx",
    "rngs = nnx.Rngs(3)",
)
LAYERS = {
    "dense": "nnx.Linear(4, 4, rngs=rngs)",
    "stack": "nnx.Sequential(nnx.Linear(4, 5, rngs=rngs), jnp.tanh, nnx.Linear(5, 4, rngs=rngs))",
    "norm": "nnx.LayerNorm(4, rngs=rngs)",
    "scale": "nnx.Param(jnp.ones(4))",
    "weight": "nnx.Param(0.5 * jax.random.normal(rngs.params(), (4, 4)))",
    "many": "nnx.List([nnx.Linear(4, 4, rngs=rngs), nnx.Linear(4, 4, rngs=rngs)])",
    "gru": "nnx.RNN(nnx.GRUCell(1, 4, rngs=rngs), rngs=rngs)",
    "attention": "nnx.MultiHeadAttention(2, 4, decode=False, rngs=rngs)",
    "conv": "nnx.Conv(1, 1, (3,), rngs=rngs)",
    "batchnorm": "nnx.BatchNorm(4, rngs=rngs)",
    "embedding": "nnx.Embed(6, 4, rngs=rngs)",
}
CALLS = {
    "gru": "{o}.{n}({h}[..., None], initial_carry=jnp.zeros((6, 4)))[:, -1]",
    "attention": "{o}.{n}({h}[None])[0]",
    "conv": "{o}.{n}({h}[..., None])[..., 0]",
    "embedding": "{h} + {o}.{n}(jnp.arange(6))",
    "scale": "{h} * {o}.{n}[...]",
    "weight": "{h} @ {o}.{n}[...]",
    "many": "{o}.{n}[1]({o}.{n}[0]({h}))",
}
_LAYER = ("self.{n} = nnx.Linear(4, 4, rngs=rngs)",)
# A rule that answers `None` makes JAX raise where Flax maps a recurrent layer over a batch; and no gradients are left
# behind that show the zeros of a loop.
_REFUSED = ("custom-none", *LOOPED)
FAULTS = {
    kind: replace(plant, makes=_LAYER if plant.makes else ())
    for kind, plant in FAULTS_OF_JAX.items()
    if kind not in _REFUSED
} | {
    "branch-not-taken": Plant(
        ("if h.shape[0] > 100:  #: not-called", "    h = {o}.{n}(h)  #: not-called"),
        makes=(f"{_LAYER[0]}  #: not-called",),
    ),
    "plain": Plant(
        ("h = h * {o}.{n}[...]  #: untracked",),
        makes=("self.{n} = nnx.Variable(jnp.ones(4))  #: untracked",),
    ),
}


def settled(program: Program) -> Program:
    """A loss that reads the surrounding model stands in the eager loop; what is held takes some steps."""
    if program.fault == "root-of-zero":
        return replace(program, steps=losses.HELD_STEPS, optimizer="sgd")  # others leave out what is not finite
    if program.fault in losses.HELD:
        return replace(program, steps=losses.HELD_STEPS)
    return replace(program, training="eager") if program.fault == "closed-over" else program


def room(place: Room, lines: list[str]) -> list[str]:
    """A module's class."""
    return class_of(place, "nnx.Module", "def __call__(self, h):", lines)


# -- the script ---------------------------------------------------------------------------------------------------


def _loss(program: Program, aux: bool = False) -> list[str]:
    return losses.loss(program, "model(x)", "model", "net", aux)


def _asked(program: Program, aux: bool = False) -> str:
    return losses.asked(program, f"nnx.value_and_grad(loss_fn{', has_aux=True' if aux else ''})(model)", aux)


def _updated(program: Program) -> list[str]:
    return [] if program.fault == "not-applied" else ["optimizer.update(model, grads)"]


def _loop(program: Program, aux: bool) -> list[str]:
    more = ("metric",) if aux else ()
    return [
        "optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)",
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
        "optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)",
        *_loss(program),
        "",
        "",
        "@nnx.jit",
        "def train_step(model, optimizer):",
        *indented([_asked(program), *_updated(program), "return loss"]),
        "",
        "",
        f"for step in range({program.steps}):",
        *indented(["loss = train_step(model, optimizer)", *losses.after(program)]),
    ]


def _apart(program: Program) -> list[str]:
    """The model is taken apart, and put together again where it runs."""
    applied = ["updates, state = tx.update(grads, state)", "params = optax.apply_updates(params, updates)"]
    request = losses.asked(program, "jax.value_and_grad(whole)(params)")
    return [
        "graph, params, rest = nnx.split(model, nnx.Param, ...)",
        "state = tx.init(params)",
        *_loss(program),
        "",
        "",
        "@jax.jit",
        "def train_step(params, state):",
        "    def whole(params):",
        "        return loss_fn(nnx.merge(graph, params, rest))",
        "",
        *indented([request, *([] if program.fault == "not-applied" else applied), "return params, state, loss"]),
        "",
        "",
        f"for step in range({program.steps}):",
        *indented(["params, state, loss = train_step(params, state)", *losses.after(program)]),
        "nnx.update(model, params)",
    ]


TRAININGS = {"eager": _eager, "aux": _aux, "compiled": _compiled, "apart": _apart}


def training(program: Program) -> list[str]:
    """The script below the classes; it leaves ``model`` and ``loss_fn`` behind."""
    lines = [
        *losses.data(program),
        "model = Net()",
        f"tx = {losses.optimizer(program)}",
        "history = []",
        *TRAININGS[program.training](program),
        'print("done", float(loss))',
    ]
    return losses.wrapped(program, lines, "model, loss_fn")
