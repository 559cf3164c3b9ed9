"""PyTorch's side of the benchmark.

Reads names of rows, one a line, and answers each with the seconds that one run takes, or with
"none"; the first line it writes is PyTorch's version. The time is measured as in measure.rs.
"""

import sys
import time

import torch
import torch.nn.functional as F
from torch.nn import init


def random_rows():
    matrix = torch.zeros(1000, 1000)
    ones = torch.ones(1000, 1000)
    square = torch.zeros(1024, 1024)
    return {
        "uniform_": lambda: matrix.uniform_(0, 1),
        "normal_": lambda: matrix.normal_(0, 1),
        "bernoulli_": lambda: matrix.bernoulli_(0.3),
        "dropout": lambda: F.dropout(ones, 0.5, True),
        "trunc_normal_": lambda: init.trunc_normal_(matrix, 0, 1, -2, 2),
        "kaiming_normal_": lambda: init.kaiming_normal_(
            matrix, 0, mode="fan_in", nonlinearity="relu"
        ),
        "orthogonal_ 1024x1024": lambda: init.orthogonal_(square),
    }


def seconds(run):
    run()
    start = time.perf_counter()
    samples = []
    while len(samples) < 20 or time.perf_counter() - start < 0.2:
        begun = time.perf_counter()
        run()
        samples.append(time.perf_counter() - begun)
    samples.sort()
    return samples[len(samples) // 10]


torch.set_num_threads(1)
torch.manual_seed(0)
rows = random_rows()
print(torch.__version__, flush=True)
for line in sys.stdin:
    run = rows.get(line.strip())
    print(seconds(run) if run else "none", flush=True)
