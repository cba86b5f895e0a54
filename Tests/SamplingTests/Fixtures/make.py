"""Reference numbers of ArviZ for the diagnostics; writes arviz.json beside this file.

Chains are `[chains][draws]`; the tail size has ArviZ's default levels, 5 % and 95 %.
"""

import json
import pathlib

import arviz as az
import numpy as np

rng = np.random.default_rng(21)


def autoregressive(chains, draws, decay, shifts=0.0):
    x = np.zeros((chains, draws))
    x[:, 0] = rng.standard_normal(chains)
    for t in range(1, draws):
        x[:, t] = decay * x[:, t - 1] + np.sqrt(1 - decay**2) * rng.standard_normal(chains)
    return x + np.reshape(shifts, (-1, 1))


chains = {
    "independent": autoregressive(4, 100, 0.0),
    "slow": autoregressive(4, 250, 0.9),
    "antithetic": autoregressive(3, 200, -0.6),
    "odd number of draws": autoregressive(4, 101, 0.5),
    "one chain": autoregressive(1, 150, 0.3),
    "one chain elsewhere": autoregressive(4, 100, 0.2, [0, 0, 0, 1.5]),
    "one chain wider": autoregressive(4, 100, 0.2) * np.array([[1], [1], [1], [4]]),
    "heavy tails": rng.standard_t(1.2, (4, 150)),
    "ties": np.round(autoregressive(4, 120, 0.4) * 2) / 2,
    "short": autoregressive(2, 8, 0.0),
}
weights = {
    "normal": rng.standard_normal(400),
    "tail index 0.3": 0.3 * rng.exponential(size=500),
    "tail index 0.7": 0.7 * rng.exponential(size=500) - 800,
    "tail index 1.2": 1.2 * rng.exponential(size=300),
    "few": rng.standard_normal(12),
    "with zeros": np.where(rng.random(200) < 0.3, -1e4, rng.standard_normal(200)),
}


def rounded(x):
    # What is stored is exactly what ArviZ saw, in few digits.
    return np.round(x, 5)


def number(x):
    """None for what is not finite: ArviZ gives no R-hat of one chain, and an infinite tail index of a short tail."""
    value = np.asarray(x).item()
    return value if np.isfinite(value) else None


result = {
    "generator": f"arviz {az.__version__}, numpy {np.__version__}, seed 21",
    "chains": [],
    "weights": [],
}
for name, x in chains.items():
    x = rounded(x)
    result["chains"].append(
        {
            "name": name,
            "draws": x.tolist(),
            "rHat": number(az.rhat(x, method="rank")),
            "bulk": number(az.ess(x, method="bulk")),
            "tail": number(az.ess(x, method="tail")),
            "mean": float(x.mean()),
            "standardError": number(az.mcse(x, method="mean")),
        }
    )
for name, x in weights.items():
    x = rounded(x)
    for efficiency in (1.0, 0.4):
        smoothed, shape = az.psislw(x, reff=efficiency)
        result["weights"].append(
            {
                "name": f"{name}, efficiency {efficiency}",
                "logWeights": x.tolist(),
                "efficiency": efficiency,
                "smoothed": np.asarray(smoothed).tolist(),
                "shape": number(shape),
            }
        )

path = pathlib.Path(__file__).with_name("arviz.json")
path.write_text(json.dumps(result, allow_nan=False))
