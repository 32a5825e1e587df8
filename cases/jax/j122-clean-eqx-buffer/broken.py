import equinox as eqx
import jax
import jax.numpy as jnp


class Fourier(eqx.Module):
    frequencies: jax.Array
    linear: eqx.nn.Linear

    def __call__(self, x):
        return self.linear(jnp.cos(x * jax.lax.stop_gradient(self.frequencies)))[0]


model = Fourier(jnp.arange(4.0), eqx.nn.Linear(4, 1, key=jax.random.PRNGKey(0)))
x = jnp.linspace(0.0, 1.0, 16)


@eqx.filter_jit
@eqx.filter_value_and_grad
def step(model):
    return jnp.mean((jax.vmap(model)(x) - jnp.sin(x)) ** 2)


loss, grads = step(model)
print("loss", float(loss))
