"""Reference numbers of scipy for the solvers; writes scipy.json beside this file.

The right-hand side is the Lotka-Volterra field x' = x - xy, y' = xy - 2y from (4, 1).
"""

import json
import pathlib

import numpy as np
import scipy
from scipy.integrate import solve_ivp
from scipy.optimize import linear_sum_assignment


def field(t, x):
    return [x[0] - x[0] * x[1], x[0] * x[1] - 2 * x[1]]


exact = solve_ivp(field, (0, 10), [4, 1], method="DOP853", rtol=1e-13, atol=1e-13, t_eval=[2.5, 5, 10])
adaptive = solve_ivp(field, (0, 10), [4, 1], method="RK45", rtol=1e-6, atol=1e-6)

rng = np.random.default_rng(7)
assignments = []
for n in (5, 20, 60):
    costs = rng.random((n, n)).round(6)
    rows, columns = linear_sum_assignment(costs)
    assignments.append(
        {"costs": costs.ravel().tolist(), "n": n, "columns": columns.tolist(), "total": float(costs[rows, columns].sum())}
    )

result = {
    "generator": f"scipy {scipy.__version__}, numpy {np.__version__}, seed 7",
    "lotka_volterra": {
        "times": exact.t.tolist(),
        "states": exact.y.T.tolist(),
        "rk45_evaluations": adaptive.nfev,
        "rk45_end": adaptive.y[:, -1].tolist(),
    },
    "assignments": assignments,
}
pathlib.Path(__file__).with_name("scipy.json").write_text(json.dumps(result) + "\n")
