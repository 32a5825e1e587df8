import jax
import jax.numpy as jnp

params = {"w": jnp.ones((3, 4)), "v": jnp.ones(4), "shift": jnp.array(0.5)}
x = jax.random.normal(jax.random.PRNGKey(0), (8, 3))


def energy(params, r):
    return jnp.tanh(r @ params["w"]) @ params["v"] + params["shift"]


def loss_fn(params):
    forces = jax.vmap(lambda r: -jax.grad(energy, argnums=1)(params, r))(x)
    return jnp.mean((forces - x) ** 2)


for _ in range(3):
    loss, grads = jax.jit(jax.value_and_grad(loss_fn))(params)
    params = jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)
print("loss", float(loss))
