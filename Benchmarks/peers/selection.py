"""Optimised conformal selection by its definition: for every candidate and model p-values of all others, and BH on them."""

import numpy as np
from common import Timer, answer, arguments

options = arguments(models=24, units=100)
n = m = options.units
Q = 0.3


def value(i, k):
    return np.modf((i + 1) * np.sqrt(2.5 + k))[0]


def rows(i):
    return np.array([(value(i, 100) - 0.5) * (0.5 + (k % 5) / 5) + value(i, k) - 0.5 for k in range(options.models)])


units, candidates = np.arange(n), np.arange(n, 2 * n)
passes = value(units, 100) > 0.6
calibration = np.where(passes, np.inf, -rows(units))
scores = -rows(candidates)


def benjamini(p):
    order = np.sort(p)
    below = np.nonzero(order <= Q * np.arange(1, m + 1) / m * (1 + 1e-12))[0]
    return below[-1] + 1 if len(below) else 0


def select():
    sizes, p = np.zeros(m, int), np.zeros(m)
    for j in range(m):
        best = 0
        for k in range(options.models):
            auxiliary = np.zeros(m)
            for l in range(m):
                if l != j:
                    count = np.sum(calibration[k] <= scores[k, l]) + (scores[k, j] <= scores[k, l])
                    auxiliary[l] = count / (n + 1)
            size = max(1, benjamini(auxiliary))
            if size > best:
                best, chosen = size, k
        sizes[j] = best
        p[j] = (1 + np.sum(calibration[chosen] <= scores[chosen, j])) / (n + 1)
    inside = p <= Q * sizes / m * (1 + 1e-12)
    keys = np.sort(sizes[inside])
    size = max([r + 1 for r, key in enumerate(keys) if key <= r + 1], default=0)
    return int(np.sum(inside & (sizes <= size)))


with Timer() as timer:
    selected = select()
answer(timer, selected=float(selected))
