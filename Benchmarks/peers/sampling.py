"""Samples of the flow by torchdiffeq's RK4, with torchcfm's way of joining the time."""

import torch
from common import DIMENSION, Timer, answer, arguments, trained
from torchdiffeq import odeint

options = arguments(count=10000, steps=100, activation="selu")
torch.manual_seed(0)
model = trained(options.folder, {"selu": torch.nn.SELU, "silu": torch.nn.SiLU}[options.activation])
mixed = options.precision == "bf16-mixed"


def field(t, x):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
        return model(torch.cat([x, t.repeat(x.shape[0])[:, None]], 1)).float()


def sample(count, steps):
    with torch.no_grad():
        x0 = torch.randn(count, DIMENSION)
        ends = torch.tensor([0.0, 1.0])
        return odeint(field, x0, ends, method="rk4", options={"step_size": 1 / steps})[-1]


sample(options.count, 1)
with Timer() as timer:
    result = sample(options.count, options.steps)
answer(timer, mean=result.mean().item(), deviation=result.std().item())
