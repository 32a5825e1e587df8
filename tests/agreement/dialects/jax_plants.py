"""What is planted into programs of JAX and Flax: faults, and what only looks like one."""

from __future__ import annotations

from agreement.dialects.jax_losses import HELD
from agreement.writing import Plant

FUNCTION = (
    "@jax.custom_vjp",
    "def fn_{n}(h):",
    "    return h * 2.0",
    "",
    "",
    "def forth_{n}(h):",
    "    return fn_{n}(h), None",
    "",
    "",
    "def back_{n}(kept, upstream):  #: custom-gradient",
)
DEFINED = ("", "", "fn_{n}.defvjp(forth_{n}, back_{n})")
LAYER = ("self.{n} = nn.Dense(4)",)
# Stops of what a loop carries.
LOOPED = ("detach-in-a-turn", "detach-carried")
FAULTS = {
    "detach": Plant(("h = jax.lax.stop_gradient(h)  #: stop-gradient",)),
    "detach-inside": Plant(("h = jnp.tanh(", "    jax.lax.stop_gradient(h)  #: stop-gradient", ")")),
    "detach-in-scan": Plant(
        ("_, h = jax.lax.scan(lambda c, row: (c, jax.lax.stop_gradient(row) * 1.1), 0.0, h)  #: stop-gradient",)
    ),
    "int": Plant(("ids = (h * 8).astype(jnp.int32)  #: integer-dtype", "h = ids / 8.0 + 0.5")),
    "round": Plant(("h = jnp.round(h * 10) / 10 + 0.3  #: non-differentiable-op",)),
    "sign": Plant(("h = jnp.sign(h) + 0.5  #: non-differentiable-op",)),
    "floor": Plant(("h = jnp.floor(h * 4) + 0.5  #: non-differentiable-op",)),
    "argmax": Plant(
        ("best = jnp.argmax(h, axis=-1)  #: non-differentiable-op", "h = jax.nn.one_hot(best, 4)"),
    ),
    "compare": Plant(("h = (h > 0.1).astype(jnp.float32) + 0.5  #: non-differentiable-op, integer-dtype",)),
    "sort-indices": Plant(
        ("h = jnp.argsort(h, axis=-1).astype(jnp.float32)  #: non-differentiable-op, integer-dtype",)
    ),
    "numpy": Plant(("h = jnp.asarray(np.tanh(np.asarray(h)))  #: left-framework",)),
    "float": Plant(("h = jnp.ones((6, 4)) * math.exp(-float((h ** 2).mean()))  #: left-framework",)),
    "callback": Plant(
        (
            "h = jax.pure_callback(np.tanh, jax.ShapeDtypeStruct((6, 4), jnp.float32), h)"
            "  #: left-framework, no-registered-gradient",
        )
    ),
    "custom-none": Plant(
        ("h = fn_{n}(h)  #: custom-gradient",),
        top=(*FUNCTION, "    return (None,)  #: custom-gradient", *DEFINED),
    ),
    "custom-zeros": Plant(
        ("h = fn_{n}(h)  #: custom-gradient",),
        top=(*FUNCTION, "    return (jnp.zeros_like(upstream),)  #: custom-gradient", *DEFINED),
    ),
    "detach-in-a-turn": Plant(
        ("h = jax.lax.fori_loop(0, 3, lambda i, v: jax.lax.stop_gradient(v) * 1.1, h)  #: stop-gradient",)
    ),
    "detach-carried": Plant(
        ("h, _ = jax.lax.scan(lambda c, _: (jax.lax.stop_gradient(c) * 1.1, None), h, length=3)  #: stop-gradient",)
    ),
    "detach-in-a-branch": Plant(
        (
            "h = jax.lax.cond(",
            "    h.sum() > -1e6,",
            "    lambda v: jax.lax.stop_gradient(v) * 1.5,  #: stop-gradient",
            "    lambda v: jax.lax.stop_gradient(v) * 0.5,  #: stop-gradient",
            "    h,",
            ")",
        )
    ),
    "detach-mapped": Plant(("h = jax.vmap(lambda row: jax.lax.stop_gradient(row) * 1.1)(h)  #: stop-gradient",)),
    "detach-recomputed": Plant(
        ("h = jax.checkpoint(lambda v: jnp.sin(jax.lax.stop_gradient(v)))(h)  #: stop-gradient",)
    ),
    "detach-compiled": Plant(
        ("h = kept_{n}(h)",),
        top=("@jax.jit", "def kept_{n}(value):", "    return jax.lax.stop_gradient(value) * 1.5  #: stop-gradient"),
    ),
    "by-a-helper": Plant(
        ("h = kept_{n}(h)",),
        top=(
            "def kept_{n}(value):",
            "    kept = jax.lax.stop_gradient(value)  #: stop-gradient",
            "    return kept + 0.1",
        ),
    ),
    "topk-indices": Plant(("h = jax.lax.top_k(h, 4)[1].astype(jnp.float32)  #: non-differentiable-op, integer-dtype",)),
    "drawn": Plant(
        (
            "h = jax.random.bernoulli(jax.random.PRNGKey(5), jax.nn.sigmoid(h)) + 0.5"
            "  #: non-differentiable-op, integer-dtype",
        )
    ),
    "root-of-zero": Plant(("h = jnp.sqrt(h * 0.0) + 0.5  #: nonfinite-gradient",)),
    "dropped": Plant(
        ("extra = {o}.{n}(h)  #: unused-output", "h = jnp.tanh(h)  #: unused-output"),
        makes=LAYER,
    ),
    "dropped-beside": Plant(
        ("h, spare = h * 0.5, {o}.{n}(h)  #: unused-output", "h = jnp.tanh(h)  #: unused-output"),
        makes=LAYER,
    ),
}
# Faults in which JAX raises, so that there is no gradient at all; they are to be told all the same.
TOLD = frozenset(("numpy", "float", "callback"))
DEBATABLE: frozenset[str] = frozenset()
# What is told by its steps, and not by the structure of the loss.
BY_VALUE = frozenset((*HELD, "root-of-zero"))
# A cut shows in the structure of JAX's backward pass, but for one in a loop, which hands zeros on.
ZEROS = frozenset(LOOPED)
FADING: frozenset[str] = frozenset()
MAKING_FAULTS: dict[str, list[str]] = {}
TRAINING_FAULTS = ("output-detached", "loss-detached", "second-head-dropped", "closed-over", "loss-float", *HELD)
HARMLESS = {
    "straight-through": Plant(("h = h + jax.lax.stop_gradient(jnp.round(h * 50) / 50 + 0.01 - h)",)),
    "half-detached": Plant(("h = 0.5 * h + 0.5 * jax.lax.stop_gradient(h)",)),
    "argmax-read": Plant(("choice = jnp.argmax(h, axis=-1)",)),
    "masked": Plant(("h = h * (h > -1000).astype(jnp.float32)",)),
    "sorted": Plant(("h = h[:, jnp.argsort(h[0])]",)),
    "normalised": Plant(("h = h / (jax.lax.stop_gradient(jnp.abs(h).max()) + 1.0)",)),
    "own-function": Plant(
        ("h = fn_{n}(h)",),
        top=(*(line.partition("  #:")[0] for line in FUNCTION), "    return (upstream * 2.0,)", *DEFINED),
    ),
    "noise": Plant(("h = h + 0.01 * jax.random.normal(jax.random.PRNGKey(3), (6, 4))",)),
    "constant": Plant(("h = h + jnp.array([0.1, 0.2, 0.3, 0.4])",)),
    "taken-apart": Plant(("first, rest = h[:, :1], h[:, 1:]", "h = jnp.concatenate([first, rest], axis=1)")),
    "there-and-back": Plant(("h = h.astype(jnp.float16)", "h = h.astype(jnp.float32)")),
    "set-one": Plant(("h = h.at[:, 0].multiply(2.0)",)),
    "scanned": Plant(("_, h = jax.lax.scan(lambda c, row: (c + row, row * 1.1 + 0.1 * c), jnp.zeros(4), h)",)),
    "looped": Plant(("h = jax.lax.fori_loop(0, 3, lambda i, v: jnp.tanh(v) + 0.1 * i, h)",)),
    "mapped": Plant(("h = jax.vmap(lambda row: jnp.tanh(row) * 1.1)(h)",)),
    "either": Plant(("h = jax.lax.cond(h.sum() > -1e6, jnp.tanh, jnp.sin, h)",)),
    "recomputed": Plant(("h = jax.checkpoint(lambda v: jnp.sin(v) * 1.1)(h)",)),
    "top-values": Plant(("h = jax.lax.top_k(h, 4)[0]",)),
    "cumulated": Plant(("h = 0.5 * jnp.cumsum(h, axis=1)",)),
    "associated": Plant(("h = 0.5 * jax.lax.associative_scan(jnp.add, h, axis=1)",)),
    "by-einsum": Plant(('h = jnp.einsum("bi,ij->bj", h, jnp.eye(4))',)),
    "padded": Plant(("h = jnp.roll(jnp.flip(jnp.pad(h, ((0, 0), (1, 1)))[:, 1:-1], 0), 1, 0)",)),
    "summed-by-segment": Plant(("h = jax.ops.segment_sum(h, jnp.arange(6), 6)",)),
    "in-rows": Plant(("h = jax.lax.map(lambda row: jnp.tanh(row) * 1.1, h)",)),
    "saliency": Plant(("h = h + 0.1 * jax.lax.stop_gradient(jax.grad(lambda v: jnp.sin(v).sum())(h))",)),
    "slope": Plant(("h = h + 0.1 * jax.grad(lambda v: jnp.sin(v).sum())(h)",)),
    "seen": Plant(("jax.debug.callback(lambda v: None, h)",)),
    "until-small": Plant(
        (
            "limit = jax.lax.while_loop(lambda v: v > 3.0, lambda v: v * 0.5, jax.lax.stop_gradient(jnp.abs(h).max()))",
            "h = h / (limit + 1.0)",
        )
    ),
    "chosen-hard": Plant(
        (
            "soft = jax.nn.softmax(h)",
            "hard = jax.nn.one_hot(jnp.argmax(h, axis=-1), 4)",
            "h = h + 0.1 * (soft + jax.lax.stop_gradient(hard - soft))",
        )
    ),
    "switched": Plant(("h = jax.lax.switch(1, [jnp.sin, jnp.tanh], h)",)),
    "safe-root": Plant(("h = h + jnp.sqrt(jnp.where(h > 0, h, 1.0))",)),
    "by-fourier": Plant(("h = jnp.fft.irfft(jnp.fft.rfft(h, axis=1), n=4, axis=1)",)),
    "compiled": Plant(("h = jax.jit(lambda v: jnp.cos(v) * 1.1)(h)",)),
}
