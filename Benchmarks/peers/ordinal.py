"""Proportional odds with statsmodels on the table that Likely makes."""

import warnings

import numpy as np
from common import Timer, answer, arguments
from statsmodels.miscmodels.ordinal_model import OrderedModel

warnings.filterwarnings("ignore")
options = arguments(rows=2500, columns=10)
i = np.arange(1, options.rows + 1.0)
x = np.stack([2 * np.modf(i * np.sqrt(2.5 + j))[0] - 1 for j in range(options.columns)], axis=1)
predictor = x @ np.where(np.arange(options.columns) % 2 == 0, 0.8, -0.4)
u = np.modf(i * 0.7548776662466927)[0]
y = sum((u >= 1 / (1 + np.exp(-(a + predictor)))).astype(int) for a in (0.0, 2.0, 4.0))


def fit():
    return OrderedModel(y, x, distr="logit").fit(method="bfgs", disp=0)


fit()
with Timer() as timer:
    result = fit()
answer(timer, logLikelihood=float(result.llf))
