"""PyTorch's side of the benchmark: answers lines of JSON on standard input.

{"op", "args", "threads", "compile", "tiny"} prepares an operation, in the place of the last one:
{"forms": [names], "failed": {name: message}}. {"sample": name} takes a sample of one of its forms:
{"seconds": time of a run}. The first line that is written is {"version"}.
"""

import gc
import json
import sys
import time

import torch

import convolution
import data
import elementwise
import initialise
import layers
import loading
import matmul
import networks
import norms
import serving
import spatial
from registry import OPERATIONS

# OpenMP's threads spin for about 5 ms after their work, and would take time from the other side.
REST = 0.008


class Repeated:
    """As `Repeated` in src/measure.rs, with the same numbers."""

    def __init__(self, run, tiny):
        self.run = run
        self.count = 1
        self.warm_up = False
        if tiny:
            return
        warmed, runs, seconds = time.perf_counter(), 0, float("inf")
        while runs < 2 or time.perf_counter() - warmed < 0.03:
            start = time.perf_counter()
            run()
            seconds = min(seconds, time.perf_counter() - start)
            runs += 1
        self.count = min(max(int(-(-0.01 // seconds)), 1), 100_000)
        self.warm_up = seconds < 0.05

    def sample(self):
        run = self.run
        if self.warm_up:
            run()
        start = time.perf_counter()
        for _ in range(self.count):
            run()
        return (time.perf_counter() - start) / self.count


def prepare(question):
    torch.set_num_threads(question["threads"])
    torch.manual_seed(0)
    operation = OPERATIONS[question["op"]]
    runs, failed = {}, {}
    for form in operation.forms:
        if form.startswith("compile") and not question["compile"]:
            continue
        try:
            run = operation(form, **question["args"])
            runs[form] = Repeated(run, question["tiny"])
            if question["tiny"]:
                run()
        except Exception as error:
            failed[form] = f"{type(error).__name__}: {error}"
    return runs, failed


def answer(value):
    print(json.dumps(value), flush=True)


runs = {}
answer({"version": torch.__version__})
for line in sys.stdin:
    question = json.loads(line)
    if "sample" in question:
        seconds = runs[question["sample"]].sample()
        time.sleep(REST)
        answer({"seconds": seconds})
    else:
        runs = {}
        if question["compile"]:
            torch.compiler.reset()
        gc.collect()
        runs, failed = prepare(question)
        time.sleep(REST)
        answer({"forms": list(runs), "failed": failed})
