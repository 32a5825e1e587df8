import equinox as eqx
import jax
import jax.numpy as jnp


class Model(eqx.Module):
    linear: eqx.nn.Linear
    log_temperature: jax.Array

    def __call__(self, x):
        return jax.vmap(self.linear)(x)


def loss_fn(model, x, y):
    temperature = jnp.exp(model.log_temperature).item()
    logits = model(x) / temperature
    return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(y)), y])


model = Model(eqx.nn.Linear(3, 4, key=jax.random.PRNGKey(0)), jnp.array(0.5))
x = jax.random.normal(jax.random.PRNGKey(1), (16, 3))
y = jnp.argmax(x, -1)
for _ in range(3):
    loss, grads = eqx.filter_value_and_grad(loss_fn)(model, x, y)
    model = eqx.apply_updates(model, jax.tree.map(lambda g: -0.1 * g, grads))
print("loss", float(loss))
