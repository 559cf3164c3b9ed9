"""S9: the work of one process, then a line: process.py WORD FORM THREADS, as in src/process.rs."""

import sys

import torch

word, form, threads = sys.argv[1:]
torch.set_num_threads(int(threads))
what, _, rest = word.partition(":")

if what == "program-size":
    from pathlib import Path

    root = Path(torch.__file__).parent
    print(sum(file.stat().st_size for file in root.rglob("*") if file.is_file()))
    sys.exit()

if what == "train-memory":
    from networks import resnet18_train

    batch, side = map(int, rest.split(":"))
    step = resnet18_train(form, batch, side, False)
    for _ in range(3):
        step()
elif what in ("load-time", "load-memory"):
    import time

    import torchvision

    from loading import load

    model = torchvision.models.resnet18(weights=None)
    start = time.perf_counter()
    load(form, rest, model)
    seconds = time.perf_counter() - start
else:
    with torch.no_grad():
        torch.nn.Linear(4, 3)(torch.ones(1, 4))

if what == "first-forward":
    print("ready", flush=True)
elif what == "load-time":
    print(seconds)
else:
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                print(int(line.split()[1]) * 1024)
