"""Writes the samples of PyTorch's own test databases as golden data.

    python tests/interop/sample_databases.py FOLDER [--samples N] [--seed S] [--only NAME] [--dtype DTYPE]

FOLDER gets `op_db` and `module_db` in the layout of tests/golden/nn, and `error_db/errors.json` in that of
tests/golden/modules/errors.json. The code of a case is text, and PyTorch evaluates that very text. What cannot be
written is counted by its reason. Needs torch, expecttest, hypothesis and scipy.
"""
import argparse
import collections
import contextlib
import json
import pathlib
import random
import warnings
import zlib

import numpy
import torch

from compare.batch import write_safetensors
from samples import errors, modules, operations
from samples.evaluate import TOLERANCE
from samples.text import Skipped

NOTE = "PyTorch's own test samples; layout of golden/nn"


class Options:
    """What to write."""

    def __init__(self, arguments):
        self.seed, self.samples, self.only = arguments.seed, arguments.samples, arguments.only
        self.dtypes = [getattr(torch, d) for d in arguments.dtype or ["float32", "float64"]]

    def wants(self, *names):
        return not self.only or bool(set(self.only) & set(names))

    def reseed(self):
        for seed in (torch.manual_seed, random.seed, numpy.random.seed):
            seed(self.seed)

    def places(self, length):
        """Places of samples, evenly spread."""
        count = min(length, self.samples)
        return [i * length // count for i in range(count)]

    def generator(self, id):
        """Draws the gradients of a case's outputs."""
        return torch.Generator().manual_seed(self.seed * 2**32 + zlib.crc32(id.encode()))


class Report:
    """Counts what is left out, by family and reason."""

    def __init__(self):
        self.skipped = collections.defaultdict(collections.Counter)
        self.examples = {}

    @contextlib.contextmanager
    def case(self, family, id):
        try:
            yield
        except Skipped as reason:
            self.skipped[family][str(reason)] += 1
            self.examples.setdefault((family, str(reason)), id)

    def print(self, family, written):
        print(f"{family}: {written} cases")
        for reason, count in self.skipped[family].most_common():
            print(f"  {count} left out: {reason} (first: {self.examples[family, reason]})")


def write_cases(folder, cases):
    """An index, and one file of tensors for each group; returns the number of cases."""
    folder.mkdir(parents=True, exist_ok=True)
    entries, groups = [], collections.defaultdict(dict)
    for entry, tensors in cases:
        entries.append(entry)
        groups[entry["group"]] |= {f"{entry['id']}/{n}": t for n, t in tensors.items()}
    for group, tensors in groups.items():
        write_safetensors(tensors, folder / f"{group}.safetensors")
    write_json(folder / "index.json", {"note": NOTE, "tolerance": TOLERANCE, "cases": entries})
    return len(entries)


def write_json(path, value):
    path.write_text(json.dumps(value, allow_nan=False))


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--samples", type=int, default=40, help="at most so many of each operation or module")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--only", action="append", metavar="NAME", help="an operation or a class; may be repeated")
    parser.add_argument("--dtype", action="append", choices=["float32", "float64"], help="both in turn by default")
    return parser.parse_args()


def main():
    arguments = parsed()
    options, report, folder = Options(arguments), Report(), arguments.folder
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for family, source in (("op_db", operations), ("module_db", modules)):
        report.print(family, write_cases(folder / family, source.cases(options, report)))
    found = errors.cases(options, report)
    (folder / "error_db").mkdir(parents=True, exist_ok=True)
    write_json(folder / "error_db" / "errors.json", {"note": "PyTorch's own error inputs", "cases": found})
    report.print("error_db", len(found))


if __name__ == "__main__":
    main()
