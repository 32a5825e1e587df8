"""A recurrent net by `scan`, compiled, with Optax."""

import jax
import jax.numpy as jnp
import optax
from witness import testify

keys = jax.random.split(jax.random.key(0), 4)
params = {
    "in": jax.random.normal(keys[0], (4, 8)) / 2,
    "again": jax.random.normal(keys[1], (8, 8)) / 3,
    "out": jax.random.normal(keys[2], (8, 1)),
}
x = jax.random.normal(keys[3], (12, 16, 4))
optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))
state = optimizer.init(params)


def loss_of(params):
    def turn(hidden, now):
        return jnp.tanh(now @ params["in"] + hidden @ params["again"]), None

    hidden, _ = jax.lax.scan(turn, jnp.zeros((16, 8)), x)
    return jnp.mean((hidden @ params["out"] - x[0, :, :1]) ** 2)


@jax.jit
def step(params, state):
    loss, gradients = jax.value_and_grad(loss_of)(params)
    updates, state = optimizer.update(gradients, state)
    return optax.apply_updates(params, updates), state, loss


for _ in range(15):
    params, state, loss = step(params, state)
    print(repr(float(loss)))
testify(jax.tree.leaves((params, state)))
