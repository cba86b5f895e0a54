"""Labels for given covariances by CVXPY and SCS: the semidefinite program that Likely solves, on the same rows.

Rounded labels are a lower bound. SCS's dual is made feasible for an upper bound as Likely's is, so that both gaps are certified;
tolerances fall until the gap is reached, and only the last solution is timed: compiling and solving, or solving alone.
"""

import cvxpy as cp
import numpy as np
from common import Timer, answer, arguments

options = arguments(rows=60, gap=1e-3, alone=0, separation=8.0)
n, K = options.rows, 3
i = np.arange(1, n + 1.0)


def part(k):
    return np.modf(i * np.sqrt(2.5 + k))[0]


def normal(k):
    return (sum(part(4 * k + j) for j in range(4)) - 2) * np.sqrt(3)


means = options.separation * np.array([[0, 0], [1, 0], [0, 1.0]])
covariances = np.array([[[1, 0], [0, 0.5]], [[0.5, 0], [0, 2]], [[1, 0.6], [0.6, 1]]])
own = np.arange(n) % 3
z = np.stack([normal(0), normal(1)], axis=1)
x = means[own] + np.stack([np.linalg.cholesky(covariances[k]) @ v for k, v in zip(own, z)])
A = []
for s in covariances:
    y = np.linalg.solve(np.linalg.cholesky(s), x.T).T
    squares = ((y[:, None] - y[None]) ** 2).sum(-1)
    A.append(-0.5 * squares - np.log(np.linalg.det(s)))
A = np.array(A)
one = np.ones(n)


def solve(eps):
    Z = [cp.Variable((n, n), PSD=True) for _ in range(K)]
    rows = sum(Z) @ one == one
    signs = [z >= 0 for z in Z]
    traces = [cp.trace(z) == 1 for z in Z]
    problem = cp.Problem(cp.Maximize(sum(cp.trace(a @ z) for a, z in zip(A, Z))), [rows] + signs + traces)
    with Timer() as timer:
        problem.solve(solver=cp.SCS, eps=eps, max_iters=100_000)
    labels = np.argmax([z.value @ one for z in Z], axis=0)
    lower = sum(a[np.ix_(labels == k, labels == k)].sum() / np.sum(labels == k) for k, a in enumerate(A))
    bounds = []
    for sign in (1, -1):
        y = sign * rows.dual_value
        upper = y.sum()
        for a, positive in zip(A, signs):
            N = np.maximum((positive.dual_value + positive.dual_value.T) / 2, 0)
            upper -= np.linalg.eigvalsh(0.5 * (y[:, None] + y[None]) - a - N)[0]
        bounds.append(upper)
    if options.alone:
        timer.seconds = problem.solver_stats.solve_time + problem.solver_stats.setup_time
    return timer, (min(bounds) - lower) / max(1, abs(lower)), lower, min(bounds)


for eps in (1e-3, 3e-4, 1e-4, 3e-5, 1e-5):
    timer, gap, lower, upper = solve(eps)
    if gap <= options.gap:
        break
answer(timer, gap=float(gap), objective=float(lower), bound=float(upper), eps=eps)
