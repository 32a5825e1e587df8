import jax
import jax.numpy as jnp

table = jax.random.normal(jax.random.PRNGKey(0), (10, 4))
params = {"embed": table, "out": {"w": jnp.ones((4, 10))}}
tokens = jnp.array([1, 2, 3, 4])


def encode(tokens):
    return table[tokens]


def loss_fn(params):
    logits = encode(tokens) @ params["out"]["w"]
    return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(4), tokens])


loss, grads = jax.value_and_grad(loss_fn)(params)
params = jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)
print("loss", float(loss))
