"""Compares every operation, forward and backward, with PyTorch on random cases.

    python tests/interop/compare_operations.py --minutes 60 --seed 1 --report FOLDER

Shapes and arguments are drawn as real networks have them. A batch of cases is written in the layout of
tests/golden/nn, run by the golden tests (on one instruction set and number of threads after the other) and compared
as described in `compare/reference.py`. FOLDER gets `summary.json` and `failures.jsonl`; a failing case is repeated
by `--seed S --case N --keep FOLDER`, which leaves its data in FOLDER. Needs torch and the Rust toolchain.
"""
import argparse
import collections
import json
import pathlib
import random
import re
import shutil
import tempfile
import time

import torch

# Imported for what they register.
import compare.dimensional_operations
import compare.elementwise_operations
import compare.index_operations
import compare.loss_operations
import compare.network_operations
import compare.norm_operations
import compare.shape_operations
import compare.spatial_operations
import compare.tensor_operations
from compare.batch import Batch, golden_binary
from compare.draw import Draw
from compare.reference import Raised, Runner
from compare.registry import NOT_DRAWN, builders, registered, weights

SETTINGS = [(isa, threads) for threads in (1, 2, 3) for isa in ("avx512", "avx2", "scalar")]


def draw(seed, number, only):
    """The case of a number: PyTorch's results, or the error it raised."""
    key = f"{seed}:{number}"
    names = only or list(builders)
    name = random.Random(f"{key}:name").choices(names, [weights[n] for n in names])[0]
    d = Draw(name, key)
    builders[name](d, name)
    plain = d.case.code, d.case.mode
    if wrap(d):
        try:
            runner = Runner(d)
            return name, runner, runner.references(), None
        except Raised:
            d.case.code, d.case.mode = plain
    try:
        runner = Runner(d)
        return name, runner, runner.references(), None
    except Raised as e:
        if isinstance(e.__cause__, (SyntaxError, NameError, AttributeError)):
            raise
        runner = Runner(d, whole=False)
        return name, runner, None, e


def wrap(d):
    """Sometimes more follows, so that the gradient that comes back is one expanded number, or has gaps."""
    *before, last = d.case.code.split("\n")
    if d.case.module and not d.case.training:
        # PyTorch's batch norm reads a gradient wrongly whose strides suit two memory formats (one row of pixels).
        return False
    if d.case.grads and d.chance(0.08) and not last.startswith((" ", "torch.autograd", "(")) and d.case.dtype.startswith("float"):
        following = d.one(["({}).sum()", "({}).mean()", "({}).exp()", "({}).mul(2)", "({}).transpose(0, -1)", "({})[..., ::2]"])
        d.case.code = "\n".join([*before, following.format(last)])
        d.case.mode = "sum"
        return True
    return False


def described(case):
    return {n: f"{str(t.dtype).removeprefix('torch.')}{list(t.shape)}" for n, t in case.inputs.items()}


class Report:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.counts = collections.defaultdict(collections.Counter)
        self.scope = collections.Counter()
        self.failures = open(self.folder / "failures.jsonl", "a")

    def count(self, name, outcome):
        self.counts[name][outcome] += 1

    def failure(self, **what):
        self.failures.write(json.dumps(what) + "\n")
        self.failures.flush()

    def total(self):
        return sum(self.counts.values(), collections.Counter())

    def save(self, **facts):
        summary = facts | {"total": self.total(), "operations": self.counts, "out of scope": self.scope}
        (self.folder / "summary.json").write_text(json.dumps(summary, indent=1))

    def print(self):
        outcomes = sorted(self.total())
        print(f"{'operation':40}", *[f"{o:>14}" for o in outcomes])
        for name in sorted(self.counts):
            print(f"{name:40}", *[f"{self.counts[name][o] or '':>14}" for o in outcomes])
        print(f"{'all':40}", *[f"{self.total()[o]:>14}" for o in outcomes])
        for name, count in self.scope.most_common():
            print(f"out of scope: {name} ({count})")


def run_batch(folder, cases, binary, setting, seed, report):
    batch = Batch(folder)
    by_id = {}
    for number, name, runner, references, raised in cases:
        id = f"{number} {name}"
        by_id[id] = (number, name, runner, references, raised)
        batch.add(id, runner, references, raised)
    for id, (outcome, text) in batch.run(binary, *setting).items():
        number, name, runner, references, raised = by_id[id]
        if outcome == "passed":
            outcome = "raised in both" if raised else "loose" if references[3] else "passed"
        elif outcome == "out of scope":
            report.scope[text] += 1
        elif outcome not in ("typed out",):
            if raised and text.startswith("a value") and "not implemented for" in str(raised):
                outcome = "more than torch"
            elif re.search(r"not implemented for '(Half|BFloat16)'", text):
                # 16-bit floats are kept and converted, not computed with.
                report.count(name, "no 16-bit")
                continue
            else:
                outcome = "failed"
            case = runner.case
            report.failure(
                operation=name, outcome=outcome, case=number, seed=seed, isa=setting[0], threads=setting[1], code=case.code,
                module=case.module, training=case.training, dtype=case.dtype, inputs=described(case), grads=case.grads,
                drawn=[w for w in ("special", "ties", "empty", "wrong") if getattr(runner.draw, w)],
                pleach=text, torch=str(raised) if raised else None)
        report.count(name, outcome)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--case", type=int, help="only this case")
    parser.add_argument("--operation", action="append", help="only this operation; may be given several times")
    parser.add_argument("--batch", type=int, default=250)
    parser.add_argument("--report", default="target/compare")
    parser.add_argument("--keep", help="a folder that keeps the data of the last batch")
    parser.add_argument("--binary", help="the golden test program, if it is built already")
    parser.add_argument("--isa", choices=["avx512", "avx2", "scalar"])
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    torch.set_num_threads(1)

    known = registered()
    missing = [n for n in known if n not in builders and n not in NOT_DRAWN]
    print(f"{len(known)} names in the registries, {len([n for n in known if n in builders])} of them are drawn")
    print("not drawn:", ", ".join(f"{n} ({NOT_DRAWN[n]})" for n in known if n in NOT_DRAWN) or "none")
    print("not covered:", ", ".join(missing) or "none")
    print("drawn beside the registries:", ", ".join(n for n in builders if n not in known) or "none", flush=True)

    binary = args.binary or golden_binary()
    report = Report(args.report)
    folder = args.keep or tempfile.mkdtemp(prefix="pleach-compare-")
    start, number, batches = time.time(), args.first if args.case is None else args.case, 0
    torch_time = 0.0
    while True:
        cases, size, began = [], 0, time.time()
        while len(cases) < args.batch and size < 200e6:
            name, runner, references, raised = draw(args.seed, number, args.operation)
            number += 1
            if raised is not None and raised.backward:
                # Refused in the backward pass only: the golden layout has no word for it.
                report.count(name, "skipped")
                if args.case is not None:
                    break
                continue
            cases.append((number - 1, name, runner, references, raised))
            size += sum(t.numel() * t.element_size() for t in runner.case.inputs.values()) * 3
            if args.case is not None or time.time() - start > args.minutes * 60:
                break
        torch_time += time.time() - began
        isa, threads = SETTINGS[batches % len(SETTINGS)]
        setting = (args.isa or isa, args.threads or threads)
        run_batch(folder, cases, binary, setting, args.seed, report)
        batches += 1
        elapsed = time.time() - start
        report.save(seed=args.seed, first=args.first, next=number, minutes=elapsed / 60, torch_minutes=torch_time / 60)
        total = report.total()
        print(f"{elapsed / 60:6.1f} min, {number - args.first if args.case is None else 1} cases: {dict(total)}", flush=True)
        if args.case is not None or elapsed > args.minutes * 60:
            break
    report.print()
    print(f"failures: {report.folder / 'failures.jsonl'}")
    if not args.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
