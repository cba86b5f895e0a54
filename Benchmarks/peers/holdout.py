"""The reusable holdout's experiment without signal in NumPy: for every size of the vote a product with all variables."""

import numpy as np
from common import Timer, answer, arguments

options = arguments(rows=1000, repetitions=5)
SIZES = [10, 20, 30, 50, 100, 200]


def sample(rng, n):
    return rng.standard_normal((n, n)), rng.choice([-1.0, 1.0], n)


def study(seed):
    rng, n = np.random.default_rng(seed), options.rows
    unit = 1 / np.sqrt(n)
    sets = [sample(rng, n) for _ in range(3)]
    train, hold = (x.T @ y / n for x, y in sets[:2])
    above = np.abs(train - hold) > 4 * unit + unit * rng.standard_normal(n)
    told = np.where(above, hold + unit * rng.standard_normal(n), train)
    kept = ((train > unit) & (told > unit)) | ((train < -unit) & (told < -unit))
    order = np.argsort(-np.abs(np.where(kept, train, 0)))
    for k in SIZES:
        weights = np.zeros(n)
        chosen = order[:k]
        weights[chosen] = np.sign(train[chosen]) * kept[chosen]
        accuracies = [np.mean((x @ weights) * y > 0) for x, y in sets]
    return accuracies[2]


study(0)
with Timer() as timer:
    fresh = [study(seed) for seed in range(1, options.repetitions + 1)]
timer.seconds /= options.repetitions
timer.processor /= options.repetitions
answer(timer, fresh=float(np.mean(fresh)))
