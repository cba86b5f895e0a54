"""Flow matching with torchcfm's own loop, as in its README and its 2D tutorial."""

import numpy as np
import torch
from common import BATCH, Network, Timer, answer, arguments
from torchcfm.conditional_flow_matching import ConditionalFlowMatcher

options = arguments(steps=1000, warmup=50)
torch.manual_seed(0)
table = torch.from_numpy(np.load(f"{options.folder}/table.npy"))
model = Network()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
matcher = ConditionalFlowMatcher(sigma=0.0)
mixed = options.precision == "bf16-mixed"


def train(steps):
    for _ in range(steps):
        optimizer.zero_grad()
        x1 = table[torch.randint(0, len(table), (BATCH,))]
        x0 = torch.randn_like(x1)
        t, xt, ut = matcher.sample_location_and_conditional_flow(x0, x1)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
            vt = model(torch.cat([xt, t[:, None]], dim=-1))
        loss = torch.mean((vt - ut) ** 2)
        loss.backward()
        optimizer.step()
    return loss.item()


train(options.warmup)
with Timer() as timer:
    loss = train(options.steps)
answer(timer, loss=loss)
