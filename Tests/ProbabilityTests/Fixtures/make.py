"""Writes scipy.json: values that the tests of Probability are compared with.

Made with scipy 1.17.1, numpy 2.4.6 and mpmath 1.3.0 (versions are written into the file).
Run: python3 make.py
"""

import json
import pathlib

import mpmath
import numpy as np
import scipy
from scipy import special, stats

mpmath.mp.dps = 40
LEVELS = [1e-6, 0.01, 0.3, 0.5, 0.9, 0.999]


def number(value):
    """Infinities as text, which JSON has no numbers for."""
    value = float(value)
    return value if np.isfinite(value) else str(value)


def continuous(family, parameters, law, x):
    return {
        "family": family,
        "parameters": parameters,
        "x": x,
        "logProbability": [number(v) for v in law.logpdf(x)],
        "cdf": [number(v) for v in law.cdf(x)],
        "levels": LEVELS,
        "quantile": [number(v) for v in law.ppf(LEVELS)],
        "mean": number(law.mean()),
        "variance": number(law.var()),
        "entropy": number(law.entropy()),
    }


def durbin(d, n):
    """P(D_n >= d) from Durbin's matrix with 40 digits; scipy approximates to 1e-7 here for n > 140."""
    d = mpmath.mpf(d)
    k = int(mpmath.ceil(n * d))
    h = k - n * d
    m = 2 * k - 1
    matrix = mpmath.matrix(m, m)
    for i in range(m):
        for j in range(min(i + 2, m)):
            matrix[i, j] = 1 / mpmath.factorial(i - j + 1)
    for i in range(m):
        matrix[i, 0] -= h ** (i + 1) / mpmath.factorial(i + 1)
        matrix[m - 1, i] -= h ** (m - i) / mpmath.factorial(m - i)
    if 2 * h > 1:
        matrix[m - 1, 0] += (2 * h - 1) ** m / mpmath.factorial(m)
    return float(1 - (matrix**n)[k - 1, k - 1] * mpmath.factorial(n) / mpmath.mpf(n) ** n)


def discrete(family, parameters, law, x, entropy=False):
    return {
        "family": family,
        "parameters": parameters,
        "x": x,
        "logProbability": [number(v) for v in law.logpmf(x)],
        "cdf": [number(v) for v in law.cdf(x)],
        "mean": number(law.mean()),
        "variance": number(law.var()),
        "entropy": number(law.entropy()) if entropy else None,
    }


families = [
    continuous("Normal", [1.5, 2.0], stats.norm(1.5, 2.0), [-30.0, -3.0, 1.5, 4.2, 9.0]),
    continuous("LogNormal", [0.3, 0.7], stats.lognorm(0.7, scale=np.exp(0.3)), [-1.0, 0.0, 1e-3, 1.2, 30.0]),
    continuous("Uniform", [-1.0, 3.0], stats.uniform(-1, 4), [-2.0, -1.0, 0.5, 3.0, 3.5]),
    continuous("StudentT", [3.5, 1.0, 2.0], stats.t(3.5, 1, 2), [-1e6, -20.0, 0.9999999, 1.0, 3.0, 1e3]),
    # Its mean does not exist, though scipy says inf.
    continuous("StudentT", [0.4, 0.0, 1.0], stats.t(0.4), [-1e6, -2.0, 1e-9, 0.5, 40.0]) | {"mean": "nan"},
    continuous("Gamma", [2.5, 1.7], stats.gamma(2.5, scale=1 / 1.7), [-1.0, 0.0, 1e-4, 1.0, 12.0]),
    continuous("Gamma", [0.3, 0.2], stats.gamma(0.3, scale=5), [1e-9, 0.5, 8.0, 60.0]),
    continuous("Beta", [2.5, 0.6], stats.beta(2.5, 0.6), [-0.1, 0.0, 1e-3, 0.5, 0.99, 1.5]),
    continuous("Beta", [80.0, 120.0], stats.beta(80, 120), [0.2, 0.4, 0.55]),
    continuous("Exponential", [1.7], stats.expon(scale=1 / 1.7), [-1.0, 0.0, 1e-9, 2.0, 30.0]),
    continuous("Laplace", [0.5, 1.3], stats.laplace(0.5, 1.3), [-20.0, 0.4, 0.5, 3.0]),
    discrete("Bernoulli", [0.3], stats.bernoulli(0.3), [-1.0, 0.0, 0.5, 1.0, 2.0], entropy=True),
    discrete("Binomial", [12.0, 0.35], stats.binom(12, 0.35), [-1.0, 0.0, 3.0, 4.5, 12.0, 13.0]),
    discrete("Poisson", [4.2], stats.poisson(4.2), [-1.0, 0.0, 3.0, 4.5, 20.0]),
    discrete("NegativeBinomial", [7.5, 2.25], stats.nbinom(2.25, 2.25 / 9.75), [-1.0, 0.0, 3.0, 4.5, 40.0]),
    discrete("NegativeBinomial", [300.0, 17.0], stats.nbinom(17, 17 / 317), [0.0, 200.0, 310.0, 900.0]),
]

incomplete = []
for a, b, x in [
    (0.5, 0.5, 0.1), (2, 3, 0.4), (30, 70, 0.2), (100, 100, 0.55), (1e-2, 5, 1e-10), (50, 0.5, 0.999),
    (1e3, 2e3, 0.33), (1e5, 5e4, 0.666),
]:
    incomplete.append([a, b, x, float(special.betainc(a, b, x))])

rng = np.random.default_rng(20240601)
mean = [0.5, -1.0, 2.0]
covariance = [[2.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 0.5]]
points = rng.normal(size=(4, 3)).round(3).tolist()
multivariate = stats.multivariate_normal(mean, covariance)
dirichlet = stats.dirichlet([0.7, 2.0, 3.5])
simplex = [[0.2, 0.3, 0.5], [0.01, 0.09, 0.9]]

survival = []
for n in [1, 5, 20, 100, 999, 5000, 20000, 500000]:
    for t in [0.4, 0.8, 1.2, 1.9, 2.5]:
        d = t / np.sqrt(n)
        if d < 1:
            exact = 140 < n <= 1000 and t < 2
            survival.append([d, n, durbin(d, n) if exact else float(stats.kstwo.sf(d, n))])

u = rng.normal(size=60).round(4)
v = (1.3 * rng.normal(size=45) + 0.4).round(4)
one_sample = stats.kstest(u, "norm")
two_sample = stats.ks_2samp(u, v, method="asymp")

cloud = (rng.normal(size=(40, 2)) @ [[1.0, 0.8], [0.0, 0.5]] + [100.0, -3.0]).round(4)
queries = [[100.0, -3.0], [101.5, -2.0], [96.0, -5.0]]
kde = stats.gaussian_kde(cloud.T)

skewed = rng.exponential(size=15).round(4)
intervals = {
    method: stats.bootstrap((skewed,), np.var, n_resamples=400_000, method=name, vectorized=True, batch=10_000,
                            rng=np.random.default_rng(1)).confidence_interval
    for method, name in [("percentile", "percentile"), ("bca", "BCa")]
}

result = {
    "versions": {"scipy": scipy.__version__, "numpy": np.__version__, "mpmath": mpmath.__version__},
    "families": families,
    "incompleteBeta": incomplete,
    "polygamma": [[x, float(mpmath.psi(0, x)), float(mpmath.psi(1, x))] for x in
                  [1e-8, 0.01, 0.5, 1.0, 1.4616, 3.7, 9.999, 10.0, 250.0, 1e7]],
    "multivariateNormal": {
        "mean": mean, "covariance": covariance, "x": points,
        "logProbability": multivariate.logpdf(points).tolist(), "entropy": float(multivariate.entropy()),
    },
    "dirichlet": {
        "concentration": [0.7, 2.0, 3.5], "x": simplex,
        "logProbability": [float(dirichlet.logpdf(p)) for p in simplex],
        "variance": dirichlet.var().tolist(), "entropy": float(dirichlet.entropy()),
    },
    "kolmogorovSurvival": survival,
    "samples": {
        "u": u.tolist(), "v": v.tolist(),
        "oneSample": [float(one_sample.statistic), float(one_sample.pvalue)],
        "twoSample": [float(two_sample.statistic), float(two_sample.pvalue)],
        # scipy returns the root of the V-statistic.
        "energy": float(stats.energy_distance(u, v) ** 2),
    },
    # 95 % intervals of the variance (dividing by n), a biased and skewed statistic.
    "bootstrap": {"data": skewed.tolist()} | {k: [float(v.low), float(v.high)] for k, v in intervals.items()},
    "kernelDensity": {
        "data": cloud.tolist(), "x": queries, "logProbability": kde.logpdf(np.array(queries).T).tolist(),
        "factor": float(kde.factor),
    },
}
path = pathlib.Path(__file__).with_name("scipy.json")
path.write_text(json.dumps(result, indent=1) + "\n")
