"""A variational autoencoder, eager, updated by hand."""

import jax
import jax.numpy as jnp
from witness import testify

key = jax.random.key(1)
params = [jax.random.normal(jax.random.fold_in(key, n), shape) / 3 for n, shape in enumerate([(6, 8), (4, 6)])]
data = jax.random.uniform(key, (16, 6))


def loss_of(params, key):
    mean, spread = jnp.split(data @ params[0], 2, axis=1)
    drawn = mean + jnp.exp(spread / 2) * jax.random.normal(key, mean.shape)
    return jnp.mean((drawn @ params[1] - data) ** 2) - 0.05 * jnp.mean(1 + spread - mean**2 - jnp.exp(spread))


for number in range(15):
    loss, gradients = jax.value_and_grad(loss_of)(params, jax.random.fold_in(key, number))
    params = [p - 0.1 * g for p, g in zip(params, gradients, strict=True)]
    print(repr(float(loss)))
testify(params)
