"""Writes tests/golden/vision/data_order.json: the batches of PyTorch's DataLoader.

    python tests/interop/data_order.py tests/golden/vision/data_order.json

Needs torch. `tests/golden/vision/README.md` says what the file holds.
"""
import itertools
import json
import sys

import torch
from torch.utils.data import DataLoader, Dataset

PASSES = 2


class Positions(Dataset):
    """Element i is i, and a random number: what a random transform would draw."""

    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        return i, torch.rand((), dtype=torch.float64)


def case(length, batch_size, workers, shuffle, drop_last, generator_seed):
    torch.manual_seed(3)
    generator = None
    if generator_seed is not None:
        generator = torch.Generator().manual_seed(generator_seed)
    loader = DataLoader(
        Positions(length), batch_size, shuffle=shuffle, drop_last=drop_last, num_workers=workers,
        generator=generator,
    )
    passes = [
        [{"positions": p.tolist(), "drawn": r.tolist()} for p, r in loader] for _ in range(PASSES)
    ]
    out = {
        "length": length, "batch_size": batch_size, "num_workers": workers, "shuffle": shuffle,
        "drop_last": drop_last, "generator_seed": generator_seed, "seed": 3,
        "batches": len(loader), "passes": passes, "probe": torch.rand(2).tolist(),
    }
    if generator is not None:
        out["generator_probe"] = torch.rand(2, generator=generator).tolist()
    return out


def main():
    sizes = [(10, 3), (12, 4), (7, 1), (2, 3), (25, 4)]
    options = itertools.product(sizes, [0, 1, 2, 3], [False, True], [False, True], [None, 11])
    cases = [case(*size, *rest) for size, *rest in options]
    made_by = f"torch {torch.__version__}"
    with open(sys.argv[1], "w") as file:
        file.write(f'{{"made_by": "{made_by}", "cases": [\n')
        file.write(",\n".join(json.dumps(case) for case in cases))
        file.write("\n]}\n")


if __name__ == "__main__":
    main()
