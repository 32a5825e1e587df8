"""The loss of a program of JAX, and what a loop does with its numbers: the same for Flax and Equinox."""

from __future__ import annotations

from agreement.grammar import Program
from agreement.writing import head, indented

EXTRAS = ("logging", "metric", "teacher", "clipping")
OPTIMIZERS = {
    "sgd": "optax.sgd(0.05)",
    "adam": "optax.adam(0.01)",
    "momentum": "optax.sgd(0.01, momentum=0.9)",
    "schedule": "optax.sgd(optax.exponential_decay(0.05, 10, 0.9))",
    "guarded": "optax.apply_if_finite(optax.sgd(0.05), 3)",
    "divided": "optax.rmsprop(0.01)",
}
# What keeps every step at nothing: it is told when several steps agree.
_HOLDING = {
    "rate-zero": "optax.sgd(0.0)  #: not-updated",
    "not-due": "optax.MultiSteps(optax.sgd(0.05), 50)  #: not-updated",
    "bound-zero": "optax.chain(optax.clip_by_global_norm(0.0), optax.sgd(0.05))  #: not-updated",
}
HELD = (*_HOLDING, "not-applied")
# What a longer run would mend.
NOTED = frozenset(("not-due",))
# So many steps agree on it.
HELD_STEPS = 5


def optimizer(program: Program) -> str:
    """The expression that makes the optimizer."""
    if program.fault in _HOLDING:
        return _HOLDING[program.fault]
    made = OPTIMIZERS[program.optimizer]
    return f"optax.chain(optax.clip_by_global_norm(10.0), {made})" if "clipping" in program.extras else made


def loss(program: Program, call: str, argument: str, other: str, aux: bool = False) -> list[str]:
    """The function that makes the loss.

    Args:
        call: the forward pass; ``argument``: the name that it takes the weights by.
        other: the name of the argument where the forward pass is to read the weights around it instead.
        aux: hand back the first output as well.
    """
    names = [head(index)[1] for index in range(program.heads)]
    dropped = program.fault == "second-head-dropped" and program.heads == 2
    mark = "  #: unused-output" if dropped else ""
    apart = program.fault == "closed-over"
    closed = "  #: wrong-source, not-called" if apart else ""
    lines = [f"{', '.join(names)} = {call}{mark}{closed}"]
    if program.fault == "output-detached":
        lines.append("out0 = jax.lax.stop_gradient(out0)  #: stop-gradient")
    terms = " + ".join(f"jnp.mean(({name} - y) ** 2)" for name in (names[:1] if dropped else names))
    lines.append(f"loss = {terms}{mark}")
    if "teacher" in program.extras:
        lines.append("loss = loss + 0.1 * jnp.mean((out0 - x @ teacher) ** 2)")
    if program.fault == "loss-detached":
        lines.append("loss = jax.lax.stop_gradient(loss)  #: stop-gradient")
    if program.fault == "loss-float":
        lines.append("loss = jnp.asarray(float(loss))  #: left-framework")
    lines.append(f"return {'(loss, out0)' if aux else 'loss'}")
    return [f"def loss_fn({other if apart else argument}):{closed}", *indented(lines)]


def asked(program: Program, request: str, aux: bool = False) -> str:
    """The line that asks for the gradients."""
    mark = "  #: wrong-source, not-called" if program.fault == "closed-over" else ""
    mark = "  #: not-updated" if program.fault == "not-applied" else mark
    return f"{'(loss, out0)' if aux else 'loss'}, grads = {request}{mark}"


def after(program: Program, more: tuple[str, ...] = ()) -> list[str]:
    """What a step of the loop does behind the update."""
    return [line for extra in program.extras if extra in ("logging", *more) for line in _EXTRA_STEPS[extra]]


_EXTRA_STEPS = {
    "logging": ["history.append(float(loss))"],
    "metric": ["hits = float((jnp.argmax(out0, axis=-1) == jnp.argmax(y, axis=-1)).mean())"],
}


def data(program: Program) -> list[str]:
    """The lines that seed the generators and draw the data."""
    lines = [
        f"random.seed({program.seed})",
        f"np.random.seed({program.seed})",
        f"draws = jax.random.split(jax.random.PRNGKey({program.seed}), 4)",
        "x = jax.random.normal(draws[0], (6, 4))",
        "y = jax.random.uniform(draws[1], (6, 4))",
    ]
    return [*lines, *(["teacher = jax.random.normal(draws[3], (4, 4))"] if "teacher" in program.extras else [])]


def wrapped(program: Program, lines: list[str], names: str) -> list[str]:
    """The script, in a function of its own if the program is to be.

    Args:
        names: what it leaves behind.
    """
    if not program.wrapped:
        return lines
    return ["def train():", *indented([*lines, f"return {names}"]), "", "", f"{names} = train()"]
