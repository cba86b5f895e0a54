"""Experiment A of FK steering as its reference style runs it: one group of particles a call."""

import math

import torch
from common import Timer, answer, arguments

options = arguments(groups=1000, particles=8, steps=20)
torch.manual_seed(0)
double = torch.float64
weights = torch.tensor([0.5, 0.3, 0.2], dtype=double)
means = torch.tensor([[-2.0, 0], [2, 0], [0, 3]], dtype=double)
variances = torch.tensor([0.5, 0.7, 0.4], dtype=double).square()
direction = torch.tensor([1, 0.5], dtype=double)


def signal(t):
    """The square of α of the cosine schedule."""
    offset, floor = 0.008, 1e-4
    value = lambda u: math.cos(0.5 * math.pi * (u + offset) / (1 + offset)) ** 2
    return max(floor, value(t) / value(0))


def components(x, a):
    """Responsibilities [k, 3], and the mean [k, 3, 2] and variance [3] of x₀ given x_t and the component."""
    v = a * variances + 1 - a
    gap = x[:, None, :] - math.sqrt(a) * means
    logits = weights.log() - v.log() - 0.5 * gap.square().sum(-1) / v
    return logits.softmax(-1), means + math.sqrt(a) * (variances / v)[:, None] * gap, variances * (1 - a) / v


def steer(particles, steps):
    """log Ẑ of one group: the potential `difference`, multinomial resampling after every step."""
    levels = [signal(1 - i / steps) for i in range(steps)] + [1.0]
    a = levels[0]
    chosen = torch.multinomial(weights, particles, replacement=True)
    deviation = (a * variances + 1 - a).sqrt()[chosen]
    x = math.sqrt(a) * means[chosen] + deviation[:, None] * torch.randn(particles, 2, dtype=double)
    previous = torch.zeros(particles, dtype=double)
    log_weights = torch.zeros(particles, dtype=double)
    evidence = 0.0
    for step in range(steps):
        a, b = levels[step], levels[step + 1]
        share, mean, variance = components(x, a)
        reward = (share[:, :, None] * mean).sum(1) @ direction
        log_weights = log_weights + reward - previous
        evidence += (log_weights.logsumexp(0) - math.log(particles)).item()
        ancestors = torch.multinomial(log_weights.softmax(0), particles, replacement=True)
        x, previous = x[ancestors], reward[ancestors]
        share, mean = share[ancestors], mean[ancestors]
        log_weights = torch.zeros(particles, dtype=double)
        chosen = torch.multinomial(share, 1).squeeze(1)
        rows = torch.arange(particles)
        clean = mean[rows, chosen] + variance.sqrt()[chosen, None] * torch.randn(particles, 2, dtype=double)
        ratio = a / b
        scatter = (1 - b) / (1 - a) * (1 - ratio)
        noise = (x - math.sqrt(a) * clean) / math.sqrt(1 - a)
        x = math.sqrt(b) * clean + math.sqrt(max(0.0, 1 - b - scatter)) * noise
        x = x + math.sqrt(max(0.0, scatter)) * torch.randn(particles, 2, dtype=double)
    log_weights = log_weights + x @ direction - previous
    return evidence + (log_weights.logsumexp(0) - math.log(particles)).item()


with torch.no_grad():
    steer(options.particles, options.steps)
    with Timer() as timer:
        logs = torch.tensor([steer(options.particles, options.steps) for _ in range(options.groups)])
answer(timer, logEvidence=(logs.logsumexp(0) - math.log(options.groups)).item())
