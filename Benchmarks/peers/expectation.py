"""Many expectations from one sample in NumPy, and Sobol' indices by SciPy.

moments: the same algorithm as Likely's, all densities as arrays, the mixture of what was drawn kept up to date instead of
computed anew; the shares by SLSQP with a gradient.
sobol: scipy.stats.sobol_indices of the cantilever, with as many runs.
"""

import numpy as np
from common import Timer, answer, arguments
from scipy import stats
from scipy.optimize import minimize

options = arguments(task="moments", moments=10, budget=20_000, repetitions=10)


def log_normal(x, mean, variance):
    return -0.5 * ((x[:, None] - mean) ** 2 / variance + np.log(2 * np.pi * variance))


def log_sum_exp(a):
    top = a.max(1, keepdims=True)
    return (top + np.log(np.exp(a - top).sum(1, keepdims=True)))[:, 0]


def study(rng, truths, weights):
    total, count = options.budget, options.moments
    step = total // 10

    def phi(x):
        # Power by power: np.cumprod takes thirty times as long.
        powers, square = np.empty((count, len(x))), x * x
        powers[0] = square
        for j in range(1, count):
            np.multiply(powers[j - 1], square, out=powers[j])
        return powers.T

    x = rng.standard_normal(step)
    y, log_f = phi(x), log_normal(x, 0.0, 1.0)[:, 0]
    sources = [(step, None)]
    log_sources = [log_f]
    first = y
    beta, before = first.mean(0), first.var(0, ddof=1)
    alpha = np.sqrt(weights) * beta
    alpha /= alpha.sum()
    n = step
    while n < total / 2:
        log_h = log_sum_exp(np.stack([s + np.log(c / n) for s, (c, _) in zip(log_sources, sources)], axis=1))
        v = np.exp(log_f - log_h)[:, None] * y
        p = v / v.sum(0)
        mean = p.T @ x
        variance = (p * (x[:, None] - mean) ** 2).sum(0) + 1e-6
        log_g = log_normal(x, mean, variance)
        g = np.exp(log_g - log_h[:, None])
        a = (weights * (v - beta * g) ** 2).sum(1)
        a /= a.mean()

        def criterion(share):
            mixture = g @ share
            ratio = a / mixture
            return ratio.mean(), -((ratio / mixture) @ g) / len(a)

        found = minimize(
            criterion, alpha, jac=True, method="SLSQP", bounds=[(1e-11, 1)] * count,
            constraints={"type": "eq", "fun": lambda s: s.sum() - 1, "jac": lambda s: np.ones(count)})
        alpha = np.clip(found.x, 1e-11, 1)
        alpha /= alpha.sum()
        which = rng.choice(count, step, p=alpha)
        new = mean[which] + np.sqrt(variance[which]) * rng.standard_normal(step)
        y_new, log_f_new, log_g_new = phi(new), log_normal(new, 0.0, 1.0)[:, 0], log_normal(new, mean, variance)
        log_drawn = log_sum_exp(log_g_new + np.log(alpha))
        for place, (_, source) in enumerate(sources):
            at_new = log_f_new if source is None else log_sum_exp(log_normal(new, *source[:2]) + np.log(source[2]))
            log_sources[place] = np.concatenate([log_sources[place], at_new])
        log_sources.append(np.concatenate([log_sum_exp(log_g + np.log(alpha)), log_drawn]))
        sources.append((step, (mean, variance, alpha)))
        x, y, log_f = np.concatenate([x, new]), np.concatenate([y, y_new]), np.concatenate([log_f, log_f_new])
        f_ratio = np.exp(log_f_new - log_drawn)[:, None] * y_new
        g_ratio = np.exp(log_g_new - log_drawn[:, None])
        df, dg = f_ratio - f_ratio.mean(0), g_ratio - g_ratio.mean(0)
        beta = (df * dg).sum(0) / (dg * dg).sum(0)
        after = (f_ratio - beta * g_ratio).var(0, ddof=1)
        n += step
        if (weights * before).sum() / (total - n + step) <= (weights * after).sum() / (total - n):
            break
        before = after
    which = rng.choice(count, total - n, p=alpha)
    new = mean[which] + np.sqrt(variance[which]) * rng.standard_normal(total - n)
    log_g = log_normal(new, mean, variance)
    log_drawn = log_sum_exp(log_g + np.log(alpha))
    f_ratio = np.exp(log_normal(new, 0.0, 1.0)[:, 0] - log_drawn)[:, None] * phi(new)
    terms = beta + f_ratio - beta * np.exp(log_g - log_drawn[:, None])
    return terms.mean(0), (weights * terms.var(0, ddof=1)).sum() / (total - n)


def moments():
    truths = np.cumprod(2.0 * np.arange(1, options.moments + 1) - 1)
    weights = 1 / truths**2
    study(np.random.default_rng(0), truths, weights)
    with Timer() as timer:
        found = [study(np.random.default_rng(seed), truths, weights) for seed in range(1, options.repetitions + 1)]
    timer.seconds /= options.repetitions
    timer.processor /= options.repetitions
    answer(timer, criterion=float(np.median([c for _, c in found])))


REFERENCE = np.array([0.02355, 0.00030, 0.01636, 0.42801, 0.07291, 0.40099])


def lognormal(mean, cv):
    variance = np.log1p(cv * cv)
    return stats.lognorm(s=np.sqrt(variance), scale=mean * np.exp(-variance / 2))


def sobol():
    laws = [
        lognormal(556.8, 0.08), lognormal(453.6, 0.08), lognormal(200, 0.06), stats.norm(0.062, 0.0062),
        stats.norm(0.0987, 0.00987), stats.norm(4.29, 0.429),
    ]

    def displacement(x):
        fx, fy, e, w, t, length = x
        bend = np.sqrt((fx / w**2) ** 2 + (fy / t**2) ** 2)
        return 4 * length**3 / (e * 1e9 * w * t) * bend

    errors = []
    stats.sobol_indices(func=displacement, n=2**14, dists=laws, rng=np.random.default_rng(0))
    with Timer() as timer:
        for seed in range(1, options.repetitions + 1):
            found = stats.sobol_indices(func=displacement, n=2**14, dists=laws, rng=np.random.default_rng(seed))
            errors.append(((found.first_order - REFERENCE) ** 2).sum())
    timer.seconds /= options.repetitions
    timer.processor /= options.repetitions
    answer(timer, squared_error=float(np.mean(errors)), runs=8 * 2**14)


sobol() if options.task == "sobol" else moments()
