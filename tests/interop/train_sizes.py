"""One step of training on many image sizes: every gradient beside PyTorch's in f64.

    python tests/interop/train_sizes.py

ResNet-18, ResNet-50 and MobileNetV2 start from the weights of one seed on both sides. A gradient of pleach (f32) has
to be within 1e-3 of PyTorch's f64 run, in 2-norm relative to it; where it is not, PyTorch's own f32 says how far f32
is off there. What is far off is one ReLU whose input is 0 but for rounding and falls to the other side: chance, which
differs between two programs. So PyTorch's f32 runs again, up to `--runs` times, on images that differ in their last
bit, until its largest distance from f64 is as far as pleach's. Where it never is, pleach runs again on such images: a
fault stays, while chance leaves one of its runs within the limit, or as near as PyTorch's. A gradient that is 0 but for rounding (of a bias before
a batch norm) is counted apart. Where PyTorch refuses a step, pleach has to return the same error. Builds the example
`one_step` in release; needs torch, torchvision and safetensors. `--size`, `--batch-size` and `--model` narrow what is
run.
"""
import argparse
import os
import pathlib
import subprocess
import tempfile
import time

import safetensors.torch
import torch
import torchvision
from torch.utils.checkpoint import checkpoint

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = {"resnet18": {}, "resnet50": {}, "mobilenet_v2": {"dropout": 0.0}}
SIZES = [32, 33, 57, 64, 75, 97, 112, 128, 160, 191, 224, 225, 256, 299, 320, 384, 512]
BATCH_SIZES = [1, 2, 8]
SEED = 11
LIMIT = 1e-3
# How much farther than PyTorch's f32 pleach may be where f32 cannot hold the limit.
FACTOR = 3.0
# A gradient smaller than this, beside the largest one of the model, is rounding.
NOTHING = 1e-10


def build():
    command = ["cargo", "build", "--quiet", "--release", "--example", "one_step"]
    subprocess.run(command, cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / "examples" / "one_step"


def blocks(model):
    """The model as functions in a row, of which the larger are computed anew in the backward pass."""
    if hasattr(model, "features"):
        return [*model.features], lambda x: model.classifier(x.mean((2, 3)))
    stem = torch.nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool)
    stages = [model.layer1, model.layer2, model.layer3, model.layer4]
    return [stem, *[b for stage in stages for b in stage]], lambda x: model.fc(x.mean((2, 3)))


def torch_step(name, images, labels, dtype):
    torch.manual_seed(SEED)
    model = getattr(torchvision.models, name)(weights=None, **MODELS[name]).to(dtype).train()
    body, head = blocks(model)
    x = images.to(dtype)
    for block in body:
        x = checkpoint(block, x, use_reentrant=False)
    loss = torch.nn.functional.cross_entropy(head(x), labels)
    loss.backward()
    return {n: p.grad for n, p in model.named_parameters()} | {"loss": loss.detach()}


def pleach_step(program, name, images, labels, folder, threads):
    """The gradients, or the text of pleach's error."""
    before, after = folder / "batch.safetensors", folder / "gradients.safetensors"
    safetensors.torch.save_file({"images": images, "labels": labels}, before)
    done = subprocess.run(
        [program, name, str(SEED), before, after], text=True, capture_output=True,
        env=os.environ | {"PLEACH_NUM_THREADS": str(threads)})
    if done.returncode == 0:
        return safetensors.torch.load_file(after), None
    if done.returncode == 2:
        return None, done.stdout.strip()
    return None, f"one_step ended with {done.returncode}: {done.stderr.strip()[:200]}"


def distance(got, expected):
    """The 2-norm of the difference, relative to what is expected."""
    off, size = (got.double() - expected).norm().item(), expected.norm().item()
    return off / size if size else (0.0 if off == 0 else float("inf"))


class Totals:
    def __init__(self):
        self.steps = self.gradients = self.refused = self.zero = self.beyond = self.torch_first = self.chance = 0
        self.worst, self.where = 0.0, ""
        self.failures = []


def compare(name, size, batch, program, folder, threads, runs, totals):
    generator = torch.Generator().manual_seed(1000 * size + batch)
    images = torch.randn([batch, 3, size, size], generator=generator)
    labels = torch.randint(0, 1000, [batch], generator=generator)
    label = f"{name} {size} {batch}"
    start = time.time()
    got, error = pleach_step(program, name, images, labels, folder, threads)
    pleach_time, start = time.time() - start, time.time()
    try:
        expected = torch_step(name, images, labels, torch.float64)
    except ValueError as e:
        totals.refused += 1
        same = error is not None and str(e) in error
        print(f"{name:13}{size:5}{batch:3}  PyTorch: {e}; pleach: {error}")
        if not same:
            totals.failures.append(f"{label}: PyTorch refuses, pleach: {error}")
        return
    torch_time = time.time() - start
    if error is not None:
        totals.failures.append(f"{label}: {error}")
        print(f"{name:13}{size:5}{batch:3}  pleach: {error}", flush=True)
        return
    assert set(got) == set(expected), set(got) ^ set(expected)
    totals.steps += 1
    totals.gradients += len(got) - 1
    loss_off = distance(got.pop("loss"), expected.pop("loss"))
    largest = max(g.norm().item() for g in expected.values())
    zero = {n for n, g in expected.items() if g.norm().item() < NOTHING * largest}
    for n in zero:
        if not got[n].norm().item() <= LIMIT * largest:
            totals.failures.append(f"{label} {n}: {got[n].norm().item():.2e}, where 0 is expected")
    totals.zero += len(zero)
    off = {n: distance(got[n], expected[n]) for n in expected if n not in zero}
    worst = max(off, key=lambda n: off[n] if off[n] == off[n] else float("inf"))
    if not off[worst] <= totals.worst:
        totals.worst, totals.where = off[worst], f"{label} {worst}"
    beyond = [n for n in off if not off[n] <= LIMIT]
    note = ""
    if beyond:
        torch_off, generator = dict.fromkeys(beyond, 0.0), torch.Generator().manual_seed(size)
        for run in range(runs):
            noise = torch.rand(images.shape, generator=generator) - 0.5
            own = torch_step(name, images * (1 + 2.0**-22 * noise) if run else images, labels, torch.float32)
            for n in beyond:
                torch_off[n] = max(torch_off[n], distance(own[n], expected[n]))
            farther = [n for n in beyond if not off[n] <= FACTOR * torch_off[n]]
            if run == 0:
                totals.torch_first += sum(not torch_off[n] <= LIMIT for n in beyond)
            if not farther:
                break
        totals.beyond += len(beyond)
        note = f"  {len(beyond)} beyond {LIMIT:g}, PyTorch's f32 there up to {max(torch_off.values()):.1e} in {run + 1} runs"
        chance = len(farther)
        for run in range(runs if farther else 0):
            noise = torch.rand(images.shape, generator=generator) - 0.5
            again, _ = pleach_step(program, name, images * (1 + 2.0**-22 * noise), labels, folder, threads)
            nearest = {n: distance(again[n], expected[n]) for n in farther}
            farther = [n for n in farther if not nearest[n] <= max(LIMIT, FACTOR * torch_off[n])]
            if not farther:
                break
        chance -= len(farther)
        totals.chance += chance
        if chance:
            note += f"; {chance} farther than {FACTOR:g} times PyTorch's, but not in another run of pleach's"
        if farther:
            n = max(farther, key=lambda n: off[n] / max(torch_off[n], 1e-300))
            note += f"; {len(farther)} farther than {FACTOR:g} times PyTorch's: {n} {off[n]:.1e}, {torch_off[n]:.1e}"
            totals.failures += [f"{label} {n}: {off[n]:.2e}, PyTorch's f32 {torch_off[n]:.2e}" for n in farther]
    print(f"{name:13}{size:5}{batch:3}  worst {off[worst]:.2e} ({worst}), loss {loss_off:.1e}"
          f"  [{pleach_time:.1f} s, f64 {torch_time:.1f} s]{note}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", action="append", choices=list(MODELS))
    parser.add_argument("--size", type=int, action="append")
    parser.add_argument("--batch-size", type=int, action="append")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=8, help="of PyTorch in f32, where pleach is beyond the limit")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    program, totals = build(), Totals()
    with tempfile.TemporaryDirectory() as folder:
        for name in args.model or MODELS:
            for size in args.size or SIZES:
                for batch in args.batch_size or BATCH_SIZES:
                    compare(name, size, batch, program, pathlib.Path(folder), args.threads, args.runs, totals)
    for failure in totals.failures:
        print("FAILED", failure)
    print(f"{totals.steps} steps ({totals.refused} more refused by both), {totals.gradients} gradients ({totals.zero} of them 0), "
          f"worst {totals.worst:.2e} ({totals.where}), {totals.beyond} beyond {LIMIT:g} (PyTorch's f32 at {totals.torch_first} of "
          f"them in its first run), {totals.chance + len(totals.failures)} farther than PyTorch's f32 in {args.runs} runs, "
          f"{len(totals.failures)} of them in all of pleach's runs too")
    raise SystemExit(bool(totals.failures))


if __name__ == "__main__":
    main()
