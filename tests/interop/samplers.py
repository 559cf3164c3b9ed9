"""Writes the orders that PyTorch's samplers and loaders give: crates/data/tests/samplers.json.

    python tests/interop/samplers.py crates/data/tests/samplers.json

Each case starts with `torch.manual_seed(3)` and, where it has a `generator`, with a generator of that
seed. It has what each pass gave, and the next number of both generators afterwards.
"""

import itertools
import json
import sys

import torch
from torch.utils import data

WEIGHTS = {
    "few": [0.1, 0.9, 0.4, 0.7, 3.0, 0.6],
    "zeros": [0.0, 1.0, 0.0, 2.0, 0.0],
    "equal": [1.0] * 40,
    "rising": [float(i) for i in range(100)],
}


def make_sampler(spec, generator):
    kind = spec["kind"]
    if kind == "sequential":
        return data.SequentialSampler(range(spec["len"]))
    if kind == "random":
        return data.RandomSampler(range(spec["len"]), spec["replacement"], spec["num_samples"], generator)
    if kind == "subset":
        return data.SubsetRandomSampler(spec["indices"], generator)
    if kind == "weighted":
        return data.WeightedRandomSampler(spec["weights"], spec["num_samples"], spec["replacement"], generator)
    if kind == "batch":
        sampler = make_sampler(spec["sampler"], generator)
        return data.BatchSampler(sampler, spec["batch_size"], spec["drop_last"])
    raise ValueError(kind)


class Positions(data.Dataset):
    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return index


class Counts(data.IterableDataset):
    """Worker w gives counts[w] elements: 100 w, 100 w + 1, ..., each with the worker's seed."""

    def __init__(self, counts):
        self.counts = counts

    def __iter__(self):
        info = data.get_worker_info()
        worker, seed = (0, 0) if info is None else (info.id, info.seed)
        return ((100 * worker + i, seed) for i in range(self.counts[worker]))


def take(iterable, count):
    return list(iterable if count is None else itertools.islice(iterable, count))


def case(description, make, passes=2, count=None):
    """`make` gives what is iterated, of a generator."""
    torch.manual_seed(3)
    seed = description.get("generator")
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    iterated = make(generator)
    out = dict(description)
    if not isinstance(getattr(iterated, "dataset", None), data.IterableDataset):
        out["len"] = len(iterated)
    if count is not None:
        out["take"] = count
    out["passes"] = [take(iterated, count) for _ in range(passes)]
    out["next"] = torch.randint(1 << 27, ()).item()
    if generator is not None:
        out["generator_next"] = torch.randint(1 << 27, (), generator=generator).item()
    return out


def sampler_specs():
    for length in [0, 1, 6]:
        yield {"kind": "sequential", "len": length}
    for length, replacement, num_samples in itertools.product(
        [1, 5, 32, 70], [False, True], [None, 1, 7, 32, 64, 70]
    ):
        yield {"kind": "random", "len": length, "replacement": replacement, "num_samples": num_samples}
    for indices in [[], [9], [5, 3, 8, 1], list(range(0, 90, 3))]:
        yield {"kind": "subset", "indices": indices}
    for weights, replacement in itertools.product(WEIGHTS.values(), [False, True]):
        # What has no weight is left out: nobody says in which order it would come.
        most = sum(w > 0 for w in weights)
        for num_samples in [1, 2, most if not replacement else 3 * most]:
            yield {
                "kind": "weighted",
                "weights": weights,
                "num_samples": num_samples,
                "replacement": replacement,
            }
    random = {"kind": "random", "len": 10, "replacement": False, "num_samples": None}
    for sampler, batch_size, drop_last in itertools.product(
        [{"kind": "sequential", "len": 10}, random], [1, 3, 5, 11], [False, True]
    ):
        yield {"kind": "batch", "sampler": sampler, "batch_size": batch_size, "drop_last": drop_last}


def loader_specs():
    for (length, batch_size), shuffle, drop_last in itertools.product(
        [(10, 3), (12, 4), (7, 1), (2, 3)], [False, True], [False, True]
    ):
        yield {
            "elements": length,
            "options": {"batch_size": batch_size, "shuffle": shuffle, "drop_last": drop_last},
        }
    samplers = [
        {"kind": "random", "len": 10, "replacement": True, "num_samples": 70},
        {"kind": "random", "len": 10, "replacement": False, "num_samples": 25},
        {"kind": "subset", "indices": [5, 3, 8, 1]},
        {"kind": "weighted", "weights": WEIGHTS["few"], "num_samples": 9, "replacement": True},
        {"kind": "weighted", "weights": WEIGHTS["few"], "num_samples": 4, "replacement": False},
    ]
    for sampler in samplers:
        yield {"elements": 10, "options": {"batch_size": 4, "sampler": sampler}}
        batches = {"kind": "batch", "sampler": sampler, "batch_size": 3, "drop_last": True}
        yield {"elements": 10, "options": {"batch_sampler": batches}}


def loader(spec, generator):
    options = dict(spec["options"])
    for name in ["sampler", "batch_sampler"]:
        if name in options:
            options[name] = make_sampler(options[name], generator)
    return data.DataLoader(
        Positions(spec["elements"]),
        collate_fn=list,
        num_workers=spec["num_workers"],
        generator=generator,
        **options,
    )


def iterable_specs():
    for counts, batch_size, drop_last in itertools.product(
        [[7], [7, 7], [1, 9], [9, 1], [0, 4], [5, 1, 3], [1, 8, 8], [0, 0, 2]], [1, 2, 4], [False, True]
    ):
        yield {"counts": counts, "options": {"batch_size": batch_size, "drop_last": drop_last}}


def main():
    cases = []
    for spec, generator in itertools.product(sampler_specs(), [None, 11]):
        description = {"sampler": spec, "generator": generator}
        cases.append(case(description, lambda g, spec=spec: make_sampler(spec, g)))
    for spec, workers, generator in itertools.product(loader_specs(), [0, 1, 2], [None, 11]):
        description = {"loader": {**spec, "num_workers": workers}, "generator": generator}
        cases.append(case(description, lambda g: loader(description["loader"], g)))
    # Passes that are left early.
    for sampler, workers, count in itertools.product(["shuffle", "random"], [0, 1, 2], [1, 3]):
        again = {"kind": "random", "len": 50, "replacement": True, "num_samples": 100}
        order = {"shuffle": True} if sampler == "shuffle" else {"sampler": again}
        spec = {"elements": 50, "options": {"batch_size": 7, **order}, "num_workers": workers}
        description = {"loader": spec, "generator": 11}
        cases.append(case(description, lambda g: loader(spec, g), count=count))
    for spec, generator in itertools.product(iterable_specs(), [None, 11]):
        for workers in [0, 1] if len(spec["counts"]) == 1 else [len(spec["counts"])]:
            description = {"iterable": {**spec, "num_workers": workers}, "generator": generator}
            make = lambda g: data.DataLoader(  # noqa: E731
                Counts(spec["counts"]), collate_fn=list, num_workers=workers, generator=g, **spec["options"]
            )
            cases.append(case(description, make))
    with open(sys.argv[1], "w") as file:
        file.write(f'{{"made_by": "torch {torch.__version__}", "cases": [\n')
        file.write(",\n".join(json.dumps(case, separators=(",", ":")) for case in cases))
        file.write("\n]}\n")


if __name__ == "__main__":
    main()
