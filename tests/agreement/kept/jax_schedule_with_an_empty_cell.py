import jax
import jax.numpy as jnp
import optax

params = {"inner": jnp.ones((4, 4)), "outer": jnp.ones(4)}
tx = optax.sgd(optax.exponential_decay(0.05, 10, 0.9))
state = tx.init(params)
x = jax.random.normal(jax.random.PRNGKey(0), (6, 4))


def loss_fn(params):
    h = jax.lax.stop_gradient(x @ params["inner"])  #: stop-gradient
    return jnp.mean((h * params["outer"]) ** 2)


for _ in range(2):
    loss, grads = jax.value_and_grad(loss_fn)(params)
    updates, state = tx.update(grads, state)
    params = optax.apply_updates(params, updates)
