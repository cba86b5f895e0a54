"""Experiment A of the Feynman–Kac correctors in PyTorch: q³ of a mixture, weights and resampling as one group."""

import math

import torch
from common import Timer, answer, arguments

options = arguments(particles=20_000, steps=400)
torch.manual_seed(0)
double = torch.float64
weights = torch.tensor([0.3, 0.7], dtype=double)
means = torch.tensor([-2, 1.5], dtype=double)
variances = torch.tensor([0.6, 0.9], dtype=double).square()
low, high, exponent = 0.1, 20.0, 3.0


def integral(t):
    return low * t + 0.5 * (high - low) * t * t


def score(x, t):
    """∇ log q_t of the mixture."""
    a = math.exp(-integral(t))
    v = a * variances + 1 - a
    gap = x[:, None] - math.sqrt(a) * means
    share = (weights.log() - 0.5 * v.log() - 0.5 * gap.square() / v).softmax(-1)
    return -(share * gap / v).sum(-1)


def correct(particles, steps):
    """log Ẑ and the weighted mean: Euler–Maruyama, systematic resampling below half of the effective particles."""
    times = [1 + k / steps * (1e-3 - 1) for k in range(steps + 1)]
    x = torch.randn(particles, dtype=double) * math.sqrt((1 - math.exp(-integral(1))) / exponent)
    log_weights = torch.zeros(particles, dtype=double)
    evidence = 0.0
    for now, after in zip(times, times[1:]):
        h = integral(now) - integral(after)
        s = score(x, now)
        combined = exponent * s
        g = 0.5 * h * (combined.square() - exponent * s.square()) - (exponent - 1) * 0.5 * h
        log_weights = log_weights + g
        w = log_weights.softmax(0)
        if 1 / w.square().sum() < 0.5 * particles:
            evidence += (log_weights.logsumexp(0) - math.log(particles)).item()
            levels = (torch.arange(particles, dtype=double) + torch.rand(1, dtype=double)) / particles
            ancestors = torch.searchsorted(w.cumsum(0), levels).clamp(max=particles - 1)
            x, combined = x[ancestors], combined[ancestors]
            log_weights = torch.zeros(particles, dtype=double)
        x = x * (1 + 0.5 * h) + h * combined + math.sqrt(h) * torch.randn(particles, dtype=double)
    mean = (log_weights.softmax(0) * x).sum().item()
    return evidence + (log_weights.logsumexp(0) - math.log(particles)).item(), mean


with torch.no_grad():
    correct(options.particles, options.steps)
    with Timer() as timer:
        evidence, mean = correct(options.particles, options.steps)
answer(timer, logEvidence=evidence, mean=mean)
