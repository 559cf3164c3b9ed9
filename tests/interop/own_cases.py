"""Writes the cases of a table in `own/`, what no database of PyTorch covers, as golden data.

    python tests/interop/own_cases.py FOLDER TABLE...

FOLDER gets a family of each table's name, in the layout of tests/golden/nn. Where a case has `initial`, the module is
built under that seed, and its values have to be those of `init.NAME`, bit for bit. Needs torch.
"""
import importlib
import json
import pathlib
import sys
import warnings
import zlib

import torch

from compare.batch import write_safetensors
from own.rows import Module
from samples import evaluate
from samples.modules import plain


def op(row, id):
    entry = {"id": id, "group": "cases", "dtype": row.dtype, "kind": "op", "code": row.code}
    return evaluate.case(entry, row.code, row.inputs, row.seed, gradients(id))


def module(row, id):
    torch.manual_seed(row.seed)
    m = getattr(torch.nn, row.cls)(**row.kwargs)
    initial = {f"init.{n}": t for n, t in [*m.named_parameters(), *m.named_buffers()]}
    initial = {n: t.detach().clone() for n, t in initial.items() if not torch.nn.parameter.is_lazy(t)}
    m.to(getattr(torch, row.dtype)).train(row.mode == "train")
    given = {k: v for k, v in row.kwargs.items() if isinstance(v, torch.Tensor)}
    state = {f"kw.{n}": t for n, t in given.items()}
    state |= {f"param.{n}": p.detach().clone() for n, p in m.named_parameters()}
    state |= {f"buf.{n}": b.detach().clone() for n, b in m.named_buffers()}
    entry = {
        "id": id, "group": "cases", "dtype": row.dtype, "kind": "loss" if row.cls.endswith("Loss") else "module",
        "class": row.cls, "kwargs": {k: plain(v) for k, v in row.kwargs.items() if k not in given},
        "mode": row.mode, "params": [n for n, _ in m.named_parameters()], "buffers": [n for n, _ in m.named_buffers()],
        "warmup": 0, "call": row.code, "tensor_kwargs": list(given), "initial": row.seed,
    }
    entry, tensors = evaluate.case(entry, row.code, row.inputs, row.seed, gradients(id), m)
    after = {f"bufafter.{n}": b.detach().clone() for n, b in m.named_buffers()}
    return entry, initial | state | tensors | after


def gradients(id):
    """Draws the gradients of a case's outputs."""
    return torch.Generator().manual_seed(zlib.crc32(id.encode()))


def write(folder, table):
    entries, tensors = [], {}
    for number, row in enumerate(importlib.import_module(f"own.{table}").CASES):
        is_module = isinstance(row, Module)
        id = f"{row.cls if is_module else row.id}_{number}"
        entry, found = (module if is_module else op)(row, id)
        entries.append(entry)
        tensors |= {f"{id}/{n}": t for n, t in found.items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(tensors, folder / "cases.safetensors")
    index = {"note": f"torch {torch.__version__}; layout of golden/nn", "tolerance": evaluate.TOLERANCE, "cases": entries}
    (folder / "index.json").write_text(json.dumps(index, allow_nan=False))
    print(f"{table}: {len(entries)} cases")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for name in sys.argv[2:]:
        write(pathlib.Path(sys.argv[1]) / name, name)
