"""A batch of cases as a folder in the layout of tests/golden/nn, and a run of the golden tests over it."""
import json
import os
import pathlib
import struct
import subprocess

import torch

from .draw import DTYPES
from .reference import FLOATS
from .syntax import statements

ROOT = pathlib.Path(__file__).resolve().parents[3]
NAMES = {
    torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}


def golden_binary():
    """Builds the golden tests, and returns the program."""
    command = ["cargo", "test", "--test", "golden", "--no-run", "--message-format=json"]
    done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "golden":
            return message["executable"]
    raise SystemExit("cargo named no golden test program")


def data(t):
    flat = t.detach().reshape(-1)
    return (flat.view(torch.int16) if t.dtype == torch.bfloat16 else flat).numpy(force=True).tobytes()


def write_safetensors(tensors, path):
    header, at, chunks = {}, 0, []
    for name, t in tensors.items():
        chunk = data(t)
        header[name] = {"dtype": NAMES[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + len(chunk)]}
        at += len(chunk)
        chunks.append(chunk)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        file.writelines(chunks)


class Batch:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.entries, self.tensors, self.bytes = [], {}, 0

    def add(self, id, runner, references, raised):
        """Adds a case; `references` is None where PyTorch raised."""
        case = runner.case
        entry = {
            "id": id, "group": "cases", "dtype": case.dtype, "inputs": list(case.inputs), "outputs": [], "grads": [],
            "kind": "op", "code": case.code, "seed": case.seed, "ast": statements(case.code), "tolerances": {},
        }
        tensors = {f"in.{n}": t for n, t in case.inputs.items()}
        if case.module:
            cls, kwargs = case.module
            entry |= {"kind": "module", "class": cls, "kwargs": kwargs, "mode": "train" if case.training else "eval",
                      "params": runner.params, "buffers": runner.buffers, "tensor_kwargs": [], "warmup": 0}
            if runner.state is not None:
                tensors |= {f"param.{n}": runner.state[n] for n in runner.params}
                tensors |= {f"buf.{n}": runner.state[n] for n in runner.buffers if n in runner.state}
        if raised:
            entry |= {"raises": True, "error": str(raised), "grads": case.grads}
        else:
            own, expected, tolerances, _ = references
            entry["outputs"] = [f"y{i}" for i in range(len(own.outputs))]
            entry["grads"] = list(own.grads)
            entry["tolerances"] = tolerances
            tensors |= expected
            tensors |= {f"gout.y{i}": g.to(o.dtype) for i, (o, g) in enumerate(zip(own.outputs, runner.gouts)) if g is not None}
        self.entries.append(entry)
        for name, t in tensors.items():
            self.tensors[f"{id}/{name}"] = t.detach()
            self.bytes += t.numel() * t.element_size()

    def write(self):
        folder = self.folder / "nn"
        folder.mkdir(parents=True, exist_ok=True)
        write_safetensors(self.tensors, folder / "cases.safetensors")
        usual = {n: {"rtol": 1e-5, "atol": 1e-5} if t in FLOATS else {"rtol": 0, "atol": 0} for n, t in DTYPES.items()}
        index = {"note": f"torch {torch.__version__}", "tolerance": usual, "cases": self.entries}
        (folder / "index.json").write_text(json.dumps(index))

    def run(self, binary, isa, threads):
        """What came of each case, by its id: (outcome, text)."""
        results, waiting, lines = {}, self.entries, self.folder / "results.jsonl"
        environment = os.environ | {"PLEACH_GOLDEN": str(self.folder), "PLEACH_GOLDEN_RESULTS": str(lines),
                                    "PLEACH_ISA": isa, "PLEACH_NUM_THREADS": str(threads)}
        while waiting:
            self.entries = waiting
            self.write()
            lines.unlink(missing_ok=True)
            try:
                done = subprocess.run([binary, "--exact", "nn"], env=environment, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, timeout=300)
                how, tail = f"status {done.returncode}", done.stderr.decode(errors="replace")[-500:]
            except subprocess.TimeoutExpired:
                how, tail = "no end after 300 s", ""
            for line in lines.read_text().splitlines() if lines.exists() else []:
                line = json.loads(line)
                results[line["id"]] = (line["outcome"], line["text"])
            waiting = [e for e in waiting if e["id"] not in results]
            if waiting:
                # The process did not live to say more: this case ended it.
                results[waiting[0]["id"]] = ("aborted", f"{how}: {tail}")
                waiting = waiting[1:]
        return results
