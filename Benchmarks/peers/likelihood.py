"""Exact log-likelihoods along the flow: RK4 on the state joined with its log-determinant.

The divergence comes from one backward pass a coordinate (`autograd`), as in the reference implementations, or from
torch.func's Jacobians of single rows, batched by vmap (`jacrev`, `jacfwd`). `fine` writes the reference in double
precision that every side is compared with.
"""

import math
import resource

import numpy as np
import torch
from common import DIMENSION, Timer, answer, arguments, points, trained
from torch.func import functional_call, jacfwd, jacrev, vmap
from torchdiffeq import odeint

options = arguments(route="autograd", count=1000, steps=50)
model = trained(options.folder, torch.nn.SiLU)
for parameter in model.parameters():
    parameter.requires_grad_(False)


def joined(t, x):
    return torch.cat([x, t.repeat(x.shape[0])[:, None]], 1)


def autograd(t, x):
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        value = model(joined(t, x))
        divergence = torch.zeros(x.shape[0], dtype=x.dtype)
        for i in range(DIMENSION):
            row = torch.autograd.grad(value[:, i].sum(), x, retain_graph=i + 1 < DIMENSION)[0]
            divergence = divergence + row[:, i]
    return value.detach(), divergence


def functional(jacobian):
    def single(x, t):
        value = functional_call(model, {}, (torch.cat([x, t[None]]),))
        return value, value

    # The value comes out of the same pass as its Jacobian.
    both = vmap(jacobian(single, has_aux=True), in_dims=(0, None))

    def evaluate(t, x):
        matrices, value = both(x, t)
        return value, matrices.diagonal(dim1=1, dim2=2).sum(-1)

    return evaluate


routes = {"autograd": autograd, "jacrev": functional(jacrev), "jacfwd": functional(jacfwd)}


def log_likelihood(x, steps, evaluate):
    def augmented(t, state):
        value, divergence = evaluate(t, state[0])
        return value, divergence

    with torch.no_grad():
        start = (x, torch.zeros(x.shape[0], dtype=x.dtype))
        ends = torch.tensor([1.0, 0.0], dtype=x.dtype)
        ys, change = odeint(augmented, start, ends, method="rk4", options={"step_size": 1 / steps})
        y, integral = ys[-1].double(), change[-1].double()
        return -0.5 * y.square().sum(1) - DIMENSION * 0.5 * math.log(2 * math.pi) + integral


if options.route == "fine":
    model.double()
    x = points(options.folder, options.count).double()
    with Timer() as timer:
        values = log_likelihood(x, options.steps, routes["jacfwd"])
    np.save(f"{options.folder}/fine.npy", values.numpy())
    answer(timer)
else:
    x = points(options.folder, options.count)
    log_likelihood(x, 1, routes[options.route])
    with Timer() as timer:
        values = log_likelihood(x, options.steps, routes[options.route])
    fine = torch.from_numpy(np.load(f"{options.folder}/fine.npy"))
    error = (values[: len(fine)] - fine).abs().mean().item()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer(timer, error=error, megabytes=peak)
