"""Forces are gradients inside of a compiled simulation, which runs once and is then fitted through."""

import jax
import jax.numpy as jnp
import optax


def energy(positions, size, depth):
    between = positions[:, None] - positions[None]
    squares = jnp.sum(between**2, -1) + jnp.eye(len(positions))
    pairs = 4 * depth * ((size**2 / squares) ** 6 - (size**2 / squares) ** 3)
    return 0.5 * jnp.sum((1 - jnp.eye(len(positions))) * pairs)


@jax.jit
def simulate(positions, size, depth):
    def step(carry, _):
        positions, velocities = carry
        velocities = velocities - 0.01 * jax.grad(energy)(positions, size, depth)
        return (positions + 0.01 * velocities, velocities), None

    return jax.lax.scan(step, (positions, jnp.zeros_like(positions)), None, 5)[0][0]


start = jnp.array([[0.0, 0.0], [1.2, 0.0], [0.0, 1.3]])
target = simulate(start, 1.0, 1.0)
params = {"size": jnp.array(0.9), "depth": jnp.array(0.8)}
optimizer = optax.adam(0.01)
state = optimizer.init(params)
for _ in range(5):
    error = lambda p: jnp.sum((simulate(start, p["size"], p["depth"]) - target) ** 2)
    loss, gradients = jax.value_and_grad(error)(params)
    updates, state = optimizer.update(gradients, state)
    params = optax.apply_updates(params, updates)
print(float(loss))
