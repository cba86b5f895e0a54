"""MALA with BlackJAX: one compiled program of all chains (vmap) and all steps (scan), in float32."""

import os

from common import Timer, answer, arguments

options = arguments(chains=1000, dimension=100, draws=100, thin=10, stepSize=0.1)
# Read when XLA starts.
os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if options.threads > 1 else 'false'}"
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])

import blackjax  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

spreads = jnp.linspace(0.5, 2, options.dimension, dtype=jnp.float32)


def log_density(x):
    return -0.5 * jnp.sum((x / spreads) ** 2)


mala = blackjax.mala(log_density, options.stepSize)
step = jax.vmap(mala.step)


@jax.jit
def sample(key, positions):
    def one(carry, key):
        states, total = carry
        states, info = step(jax.random.split(key, options.chains), states)
        return (states, total + info.acceptance_rate), None

    def kept(carry, key):
        carry, _ = jax.lax.scan(one, carry, jax.random.split(key, options.thin))
        return carry, (carry[0].position, carry[0].logdensity)

    start = (jax.vmap(mala.init)(positions), jnp.zeros(options.chains))
    (states, total), draws = jax.lax.scan(kept, start, jax.random.split(key, options.draws))
    return states, total / (options.draws * options.thin), draws


key, start, warm, timed = jax.random.split(jax.random.key(0), 4)
positions = spreads * jax.random.normal(start, (options.chains, options.dimension))
jax.block_until_ready(sample(warm, positions))
with Timer() as timer:
    states, rates, draws = jax.block_until_ready(sample(timed, positions))
variance = float(jnp.mean((states.position / spreads) ** 2))
answer(timer, acceptance=float(rates.mean()), variance=variance)
