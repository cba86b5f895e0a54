"""An effect with an instrument by DoubleML, cross-fitted with linear learners, on the table that Likely makes."""

import warnings

import numpy as np
import doubleml as dml
from common import Timer, answer, arguments
from sklearn.linear_model import LinearRegression, LogisticRegression

warnings.filterwarnings("ignore")
options = arguments(rows=10_000, columns=10)
i = np.arange(1, options.rows + 1.0)


def part(k):
    return np.modf(i * np.sqrt(k))[0]


x = np.stack([2 * part(2.5 + j) - 1 for j in range(options.columns)], axis=1)
z = (part(101) < 0.4 + 0.2 * x[:, 0]).astype(float)
a = (part(103) < 0.15 + 0.4 * z + 0.1 * x[:, 1]).astype(float)
y = a * (1 + x[:, 0]) + x[:, 2] - x[:, 3] + part(107)
data = dml.DoubleMLData.from_arrays(x, y, a, z)


def estimate():
    np.random.seed(1)
    model = dml.DoubleMLIIVM(
        data, LinearRegression(), LogisticRegression(penalty=None), LogisticRegression(penalty=None), n_folds=5
    )
    return float(model.fit().coef[0])


estimate()
with Timer() as timer:
    effect = estimate()
answer(timer, effect=effect)
