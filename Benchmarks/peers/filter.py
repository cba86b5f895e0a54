"""The bootstrap filter of a stochastic-volatility model with the package particles: NumPy, resampling by numba."""

import warnings

import numpy as np
import particles
from common import Timer, answer, arguments
from particles import distributions as dists
from particles import state_space_models as ssm

warnings.filterwarnings("ignore")
options = arguments(particles=100_000, steps=100)


class StochasticVolatility(ssm.StateSpaceModel):
    default_params = {"mean": -1.0, "persistence": 0.95, "noise": 0.25}

    def PX0(self):
        return dists.Normal(loc=self.mean, scale=self.noise / np.sqrt(1 - self.persistence**2))

    def PX(self, t, xp):
        return dists.Normal(loc=self.mean + self.persistence * (xp - self.mean), scale=self.noise)

    def PY(self, t, xp, x):
        return dists.Normal(loc=0.0, scale=np.exp(0.5 * x))


def run(steps):
    t = np.arange(steps + 1.0)
    data = np.exp(0.5 * (-1 + 0.8 * np.sin(t / 8))) * np.sqrt(2) * np.sin(1.7 * t * t)
    model = ssm.Bootstrap(ssm=StochasticVolatility(), data=data)
    # Without summaries: only the filter itself is timed.
    smc = particles.SMC(fk=model, N=options.particles, resampling="systematic", ESSrmin=0.5, collect="off")
    smc.run()
    return smc


# Compiles the resampling and lets the heap reach its size.
run(options.steps)
with Timer() as timer:
    smc = run(options.steps)
answer(timer, logEvidence=float(smc.logLt))
