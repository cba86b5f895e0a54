"""What the peers share: the network, its weights, the arguments and the answer's form."""

import argparse
import json
import time

import numpy as np
import torch
from torch import nn

DIMENSION, WIDTH, HIDDEN, BATCH = 16, 256, 4, 512


def arguments(**extra):
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True, help="where Likely wrote the table, the points and the weights")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--precision", default="float32", choices=["float32", "bf16-mixed"])
    for name, default in extra.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    found = parser.parse_args()
    torch.set_num_threads(found.threads)
    return found


class Network(nn.Module):
    """torchcfm's MLP (an activation between linear maps, the time as a last input) with four hidden layers."""

    def __init__(self, activation=nn.SELU):
        super().__init__()
        widths = [DIMENSION + 1] + [WIDTH] * HIDDEN + [DIMENSION]
        layers = []
        for inputs, outputs in zip(widths, widths[1:]):
            layers += [nn.Linear(inputs, outputs), activation()]
        self.net = nn.Sequential(*layers[:-1])

    def forward(self, x):
        return self.net(x)


def trained(folder, activation):
    """The network with the weights that Likely trained."""
    network = Network(activation)
    weights = np.load(f"{folder}/{activation.__name__.lower()}.npz")
    linear = [layer for layer in network.net if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for i, layer in enumerate(linear):
            layer.weight.copy_(torch.from_numpy(weights[f"layers.{i}.weight"]))
            layer.bias.copy_(torch.from_numpy(weights[f"layers.{i}.bias"]))
    return network


def points(folder, count):
    return torch.from_numpy(np.load(f"{folder}/points.npy")[:count])


def answer(timer, **extra):
    print(json.dumps({"seconds": timer.seconds, "processor": timer.processor, "torch": torch.__version__, **extra}))


class Timer:
    def __enter__(self):
        self.start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.start[0]
        self.processor = time.process_time() - self.start[1]
