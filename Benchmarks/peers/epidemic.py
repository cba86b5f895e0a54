"""The epidemics and the fit of Likely's benchmark with SciPy.

sets: solve_ivp (LSODA, or RK45, which is its default) for each of the first sets of rates, to day 400; the time is scaled to 10,000 sets.
fit: Nelder and Mead on the negative binomial likelihood, each value one solve_ivp of the seasonal model.
"""

import math

import numpy as np
from common import Timer, answer, arguments
from scipy.integrate import solve_ivp
from scipy.optimize import minimize
from scipy.special import gammaln

options = arguments(task="sets", sets=300, method="LSODA")

NAMES = ["beta", "eps", "kap", "th", "rC", "sg", "g1", "d1", "g2", "d2"]
BASE = [0.2, 1.2, 0.5, 0.002, 0.07, 0.05, 0.10, 0.01, 0.08, 0.03]
N = 100_000.0


def field(t, x, beta, eps, kap, th, rC, sg, g1, d1, g2, d2):
    s, c, i1, i2, r, d, cases, infections = x
    force = beta * (eps * c + i1 + kap * i2) * s / N
    ill = th * c
    return [
        -force, force - (th + rC) * c, ill - (sg + g1 + d1) * i1, sg * i1 - (g2 + d2) * i2,
        rC * c + g1 * i1 + g2 * i2, d1 * i1 + d2 * i2, ill, force,
    ]


def solve(rates, rtol, atol):
    start = [N - 100, 100, 0, 0, 0, 0, 0, 0]
    return solve_ivp(field, (0, 400), start, method=options.method, args=tuple(rates), rtol=rtol, atol=atol).y[0, -1]


def sets(count):
    return [
        [b * (0.8 + 0.4 * math.fmod((i + 1) * (0.618033988749895 + 0.01 * j), 1)) for j, b in enumerate(BASE)]
        for i in range(count)
    ]


def simulate():
    rates = sets(options.sets)
    solve(rates[0], 1e-6, 1e-9 * N)
    with Timer() as timer:
        found = [solve(r, 1e-6, 1e-9 * N) for r in rates]
    exact = [solve(r, 1e-11, 1e-13 * N) for r in rates[:100]]
    error = max(abs(a / b - 1) for a, b in zip(found, exact))
    scale = 10_000 / options.sets
    timer.seconds *= scale
    timer.processor *= scale
    answer(timer, error=error, sum=sum(found[:100]))


COUNTS = np.array([
    4, 8, 9, 10, 6, 12, 15, 11, 10, 13, 4, 6, 14, 16, 8, 6, 4, 6, 7, 8, 6, 11, 7, 5, 10, 3, 14, 10, 3, 3, 2, 8,
    12, 4, 3, 3, 5, 7, 5, 13, 8, 4, 8, 7, 3, 5, 7, 6, 7, 9, 11, 9, 16, 15, 17, 17, 12, 7, 14, 16, 15, 16, 13,
    12, 14, 20, 11, 14, 21, 9, 10, 15, 13, 13, 9, 16, 11, 8, 10, 7, 5, 10, 8, 8, 3, 11, 10, 5, 8, 4, 6, 7, 10,
    9, 7, 13, 7, 13, 14, 8, 10, 12, 19, 15, 17, 18, 15, 13, 12, 12, 14, 19, 27, 21, 38, 37, 16, 18, 8, 10, 11,
    8, 15, 6, 14, 11, 11, 10, 6, 12, 4, 6, 5, 6, 3, 7, 7, 12, 2, 9, 5, 6, 10, 6, 12, 12, 16, 14, 7, 6, 10, 8,
    12, 8, 13, 6, 17, 18, 13, 9, 7, 11, 14, 10, 14, 19, 13, 17, 10, 12, 15, 12, 9, 10, 8, 10, 7, 15, 5, 11, 13,
    7, 9, 8, 9, 4, 13, 12, 6, 7, 7, 2, 8, 1, 6, 3, 10, 10, 5, 5, 8, 12, 10, 7, 9, 10, 7, 6, 24, 15, 8, 11, 7,
    15, 35, 18, 24, 22, 12, 16, 15, 22, 10, 10, 6, 9, 11, 10, 14, 11, 7, 6, 9, 7, 6, 9, 3, 5, 3, 8, 1, 2, 5, 8,
    8, 5, 9, 6, 9, 6, 8, 12, 6, 13, 9, 9, 9, 10, 8, 16, 14, 16, 12, 18, 10, 16, 17, 10, 13, 12, 12, 22, 16, 13,
    12, 20, 10, 12, 11, 10, 9, 9, 7, 7, 9, 11, 7, 4, 12, 3, 5, 8, 3, 8, 5, 2, 8, 5, 3, 9, 1, 5, 10, 2, 13, 9, 5,
    9, 8, 11, 12, 6,
])


def likelihood(point):
    amplitude, phase = 1 / (1 + math.exp(-point[0])), point[1]
    th, k = math.exp(point[2]), math.exp(point[3])
    beta, recovery, loss = 70 / 52, 26 / 52, 12 / 52

    def carriers(t, x):
        s, c, r, total = x
        new = beta * (1 + amplitude * math.cos(2 * math.pi * (t - phase) / 52)) * s * c
        return [loss * r - new, new - recovery * c, recovery * c - loss * r, c]

    s = recovery / beta
    c = loss * (1 - s) / (loss + recovery)
    found = solve_ivp(
        carriers, (-520, 312), [s, c, 1 - s - c, 0], method="LSODA", t_eval=np.arange(313), rtol=1e-6, atol=1e-9)
    m = th * 82.4e6 * np.diff(found.y[3])
    if found.status != 0 or not (m > 0).all():
        return 1e9
    y = COUNTS
    return -(gammaln(y + k) - gammaln(k) - gammaln(y + 1) + k * np.log(k / (k + m)) + y * np.log(m / (k + m))).sum()


def fit():
    start = [math.log(0.2 / 0.8), 4.0, math.log(1e-6), math.log(10)]
    likelihood(start)
    with Timer() as timer:
        found = minimize(likelihood, start, method="Nelder-Mead", options={"maxiter": 2000, "xatol": 1e-4, "fatol": 1e-4})
    answer(timer, likelihood=float(found.fun), evaluations=float(found.nfev))


fit() if options.task == "fit" else simulate()
