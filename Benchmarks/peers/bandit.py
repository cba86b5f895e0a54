"""IPO on the bandit of Tajwar et al. 2024 in the style of a reference script: loops over prompts, samples and pairs.

One offline batch of 10 actions for each of the states, every step one Adam update on the mean loss over all pairs whose
rewards differ by more than the threshold. With --passes pair the network is asked for every log-probability, two a pair;
evaluations after every step are left out. With --passes step it sees all states once a
step, and only what is made of its law goes pair by pair. What does not change is found once either way.
"""

import math

import torch
from common import Timer, answer, arguments
from torch import nn

options = arguments(states=100, samples=10, steps=200, margin=10.0, threshold=0.2, lr=0.003, passes="pair")
torch.manual_seed(0)

ACTIONS = 100


def reference():
    """Exact masses of tanh(Cauchy(-0.7, 0.4)) in equal bins of [-1, 1]."""
    edges = [-1 + 2 * i / ACTIONS for i in range(1, ACTIONS)]
    levels = [0.0] + [0.5 + math.atan((math.atanh(e) + 0.7) / 0.4) / math.pi for e in edges] + [1.0]
    return torch.tensor([b - a for a, b in zip(levels, levels[1:])])


class Policy(nn.Module):
    """A categorical law of actions from a state that says nothing about the reward."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(100, 50), nn.LayerNorm(50), nn.ReLU(), nn.Linear(50, 256), nn.ReLU(),
            nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, ACTIONS))
        for layer in self.net:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight, gain=0.01)
                nn.init.zeros_(layer.bias)

    def forward(self, states):
        return torch.distributions.Categorical(logits=self.net(states))


def reward(action):
    return math.exp(-(((action - 70) / 10) ** 2))


law = reference()
prior = torch.distributions.Categorical(probs=law)
states = torch.rand(options.states, 100)
policy = Policy()
fitting = torch.optim.Adam(policy.parameters(), lr=0.01)
for _ in range(100):
    fitting.zero_grad()
    found = policy(states)
    torch.distributions.kl_divergence(found, prior).mean().backward()
    fitting.step()


def train(steps):
    optimiser = torch.optim.Adam(policy.parameters(), lr=options.lr)
    actions = prior.sample((options.states, options.samples))
    rewards = [[reward(a.item()) for a in row] for row in actions]
    pairs = []
    for s in range(options.states):
        for i in range(options.samples):
            for j in range(options.samples):
                if rewards[s][i] - rewards[s][j] > options.threshold:
                    winner, loser = actions[s, i].item(), actions[s, j].item()
                    known = (law[winner].log() - law[loser].log()).item()
                    pairs.append((s, winner, loser, known))
    for _ in range(steps):
        optimiser.zero_grad()
        losses = []
        logs = policy(states).logits if options.passes == "step" else None
        for s, winner, loser, known in pairs:
            if logs is None:
                gap = policy(states[s]).logits[winner] - policy(states[s]).logits[loser]
            else:
                gap = logs[s, winner] - logs[s, loser]
            losses.append((gap - known - options.margin) ** 2)
        loss = torch.stack(losses).mean()
        loss.backward()
        optimiser.step()
    return len(pairs)


with Timer() as timer:
    pairs = train(options.steps)
with torch.no_grad():
    peak = torch.tensor([reward(a) for a in range(ACTIONS)])
    mean = (policy(states).probs @ peak).mean().item()
answer(timer, pairs=float(pairs), reward=mean)
