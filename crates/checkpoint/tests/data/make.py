"""Makes the files in this folder, and `expected.json` beside them.

Run with a Python that has torch, numpy and safetensors: `python make.py`. What the files hold is
written down by Python itself, so the tests compare pleach with PyTorch and NumPy, never with itself.
"""

import argparse
import collections
import copyreg
import dataclasses
import datetime
import enum
import functools
import io
import json
import pathlib
import pickle
import random
import struct
import zipfile

import numpy as np
import safetensors.torch
import torch
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
EXPECTED = []


def numbers(values):
    return [str(v) if isinstance(v, float) and (v != v or abs(v) == float("inf")) else v for v in values]


def tensor(file, path, value, opaque=False, kind="torch"):
    """Notes that the entry of a file is this tensor or array."""
    if isinstance(value, np.ndarray):
        name = value.dtype.newbyteorder("=").name
    else:
        name = str(value.dtype).removeprefix("torch.")
        value = value.detach()
    EXPECTED.append({
        "file": file, "opaque": opaque, "at": path, "dtype": name, "shape": list(value.shape),
        "values": numbers(np.asarray(value.tolist(), dtype=object).reshape(-1).tolist()),
    })


def shown(file, path, value, opaque=False):
    """Notes that Python prints the entry of a file like this."""
    text = value if isinstance(value, Shown) else repr(value)
    EXPECTED.append({"file": file, "opaque": opaque, "at": path, "repr": str(text)})


class Shown(str):
    """How an object of a class that pleach does not know is shown."""


def state(file, path, model, opaque=False):
    """Notes the state dict that an entry is."""
    items = model.state_dict() if isinstance(model, nn.Module) else model
    EXPECTED.append({
        "file": file, "opaque": opaque, "at": path,
        "state": [[k, list(v.shape), v.double().reshape(-1).tolist()] for k, v in items.items()],
    })


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.BatchNorm1d(3))
        self.scale = nn.Parameter(torch.tensor([0.5, 2.0]))
        self.register_buffer("mean", torch.tensor([1.5]))
        self.register_buffer("scratch", torch.tensor([9.0]), persistent=False)
        self.register_parameter("absent", None)
        self.plain = torch.ones(2)
        self.head = self.body[0]

    def forward(self, x):
        return self.body(x) * self.scale.sum() + self.mean + self.scratch + self.head.weight.sum()


# ---- NumPy

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
          "float16", "float32", "float64"]


def extremes(name):
    dtype = np.dtype(name)
    if dtype.kind == "b":
        return [True, False]
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return [int(info.min), 1, int(info.max)]
    return [-0.5, 65504.0, float("inf"), 0.1]


def numpy_files():
    arrays, scalars = {}, {}
    for name in DTYPES:
        arrays[name] = np.array(extremes(name), dtype=name)
        scalars[name] = np.array(extremes(name), dtype=name)[-1]
        if np.dtype(name).itemsize > 1:
            arrays[f"{name} swapped"] = np.array(extremes(name), dtype=np.dtype(name).newbyteorder(">"))
    arrays["fortran"] = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    arrays["fortran3"] = np.asfortranarray(np.arange(24, dtype="uint16").reshape(2, 3, 4))
    arrays["strided"] = np.arange(10, dtype="int32")[::3]
    arrays["zero_d"] = np.array(7.25)
    arrays["empty"] = np.zeros((0, 3), dtype="float32")
    arrays["same"] = arrays["fortran"]
    scalars["str"] = np.str_("ß€")
    scalars["bytes"] = np.bytes_(b"a\xff")
    scalars["swapped"] = np.array([1.5], dtype=">f8")[0]
    everything = {"arrays": arrays, "scalars": scalars}
    for file, protocol in [("numpy2.pth", 2), ("numpy5.pth", 5), ("numpy0.pth", 0)]:
        torch.save(everything, HERE / file, pickle_protocol=protocol)
    # NumPy 1 calls the module numpy.core.
    old = io.BytesIO()
    with zipfile.ZipFile(HERE / "numpy2.pth") as new, zipfile.ZipFile(old, "w") as out:
        for name in new.namelist():
            data = new.read(name)
            if name.endswith("data.pkl"):
                assert b"cnumpy._core.multiarray\n" in data
                data = data.replace(b"cnumpy._core.", b"cnumpy.core.")
            out.writestr(name, data)
    (HERE / "numpy1.pth").write_bytes(old.getvalue())
    torch.save(everything, HERE / "numpy_legacy.pth", _use_new_zipfile_serialization=False)
    for file in ["numpy2.pth", "numpy5.pth", "numpy0.pth", "numpy1.pth", "numpy_legacy.pth"]:
        for name, array in arrays.items():
            tensor(file, f"arrays/{name}", array)
        for name, scalar in scalars.items():
            shown(file, f"scalars/{name}", scalar.item())

    others = {
        "complex": np.array([1 + 2j]), "records": np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]),
        "objects": np.array([None, "a"], dtype=object), "dates": np.array(["2024-05-17"], dtype="M8[D]"),
        "texts": np.array(["ab"]), "date": np.datetime64("2024-05-17"), "longdouble": np.longdouble(1),
        "complex scalar": np.complex64(1j),
    }
    for name, value in others.items():
        torch.save({"ok": 1, "x": {"y": [value]}}, HERE / f"numpy_{name.replace(' ', '_')}.pth")


# ---- objects

class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Config:
    lr: float
    layers: list


class Slots:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a, self.b = 1, [2]


class Items(list):
    pass


class Entries(dict):
    pass


class Reduced:
    """Has arguments, a state, items and entries of its own."""

    def __reduce_ex__(self, protocol):
        return Items, ([1],), {"note": "x"}, iter([2, 3]), iter([("k", 4)])


class Node:
    """Like a configuration of nested objects that know their parent."""

    def __init__(self, parent=None, **content):
        self.parent = parent
        self.content = {k: Node(self, **v) if isinstance(v, dict) else v for k, v in content.items()}


def foreign_files():
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    net = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    generator = np.random.default_rng(5)
    items, entries = Items([1, 2]), Entries(a=1)
    entries.extra = "e"
    factory = collections.defaultdict(list)
    factory["k"] = [1]
    checkpoint = {
        "state_dict": net.state_dict(),
        "args": argparse.Namespace(lr=0.5, layers=[1, 2], name="x"),
        "path": pathlib.PurePosixPath("/a/b"),
        "date": datetime.date(2024, 5, 17),
        "time": datetime.datetime(2024, 5, 17, 1, 2, 3),
        "delta": datetime.timedelta(days=1, seconds=2),
        "zone": datetime.timezone.utc,
        "factory": factory,
        "deque": collections.deque([1, 2]),
        "set": {1}, "frozen": frozenset([2]),
        "enum": Color.RED,
        "config": Config(0.25, [1, "a"]),
        "slots": Slots(), "items": items, "entries": entries, "reduced": Reduced(),
        "tree": Node(a=1, b=dict(c=2)),
        "function": torch.nn.functional.relu, "class": nn.Linear, "builtin": len,
        "partial": functools.partial(int, base=2),
        "complex": 1 + 2j, "range": range(1, 4), "slice": slice(1, 2),
        "python_state": random.getstate(), "numpy_state": np.random.get_state(),
        "generator": generator.bit_generator.state, "numpy_generator": generator,
        "torch_state": torch.get_rng_state(),
        "scheduler": scheduler, "optimizer": optimizer,
        "device": torch.device("cuda:1"), "dtype": torch.bfloat16, "size": torch.Size([2, 3]),
        "huge": 2**200, "minus": -(2**130),
        "bytes": b"", "bytearray": bytearray(b"a\xff"),
    }
    for file, how in [
        ("foreign2.pth", {}), ("foreign4.pth", {"pickle_protocol": 4}),
        ("foreign1.pth", {"pickle_protocol": 1}), ("foreign0.pth", {"pickle_protocol": 0}),
        ("foreign_legacy.pth", {"_use_new_zipfile_serialization": False}),
    ]:
        if how.get("pickle_protocol", 2) < 2:
            # Protocols 0 and 1 cannot write objects with __slots__.
            some = {k: v for k, v in checkpoint.items() if k != "slots"}
            torch.save(some, HERE / file, **how)
        else:
            torch.save(checkpoint, HERE / file, **how)
            shown(file, "slots/a", 1, True)
            shown(file, "slots/b", [2], True)
        state(file, "state_dict", net, True)
        shown(file, "args/lr", 0.5, True)
        shown(file, "args/layers", [1, 2], True)
        shown(file, "factory/k", [1], True)
        shown(file, "set", Shown("{1}"), True)
        shown(file, "frozen", Shown("{2}"), True)
        shown(file, "config/layers", [1, "a"], True)
        shown(file, "entries/a", 1, True)
        shown(file, "entries/extra", "e", True)
        shown(file, "reduced/note", "x", True)
        shown(file, "reduced/k", 4, True)
        shown(file, "reduced/1", 3, True)
        shown(file, "tree/content/b/content/c", 2, True)
        shown(file, "function", Shown("<class torch.nn.functional.relu>"), True)
        shown(file, "builtin", Shown("<class builtins.len>"), True)
        shown(file, "python_state/1/623", random.getstate()[1][623], True)
        tensor(file, "numpy_state/1", np.random.get_state()[1], True)
        shown(file, "generator/state/state", generator.bit_generator.state["state"]["state"], True)
        tensor(file, "torch_state", torch.get_rng_state(), True)
        shown(file, "scheduler/step_size", 10, True)
        tensor(file, "scheduler/optimizer/param_groups/0/params/0", net.weight, True)
        tensor(file, "optimizer/param_groups/0/params/1", net.bias, True)
        shown(file, "device", torch.device("cuda:1").__class__ and Shown("device('cuda:1')"), True)
        shown(file, "dtype", torch.bfloat16, True)
        shown(file, "size", torch.Size([2, 3]), True)
        shown(file, "huge", 2**200, True)
        shown(file, "minus", -(2**130), True)
        shown(file, "bytes", b"", True)
        shown(file, "bytearray", Shown(repr(b"a\xff")), True)
    # Each object alone, for what the default says of it.
    for name in ["args", "path", "date", "factory", "enum", "config", "function", "builtin",
                 "partial", "numpy_generator", "scheduler", "optimizer", "deque"]:
        torch.save({"model": net.state_dict(), "x": checkpoint[name]}, HERE / f"alone_{name}.pth")


def module_files():
    torch.manual_seed(1)
    net = Net()
    net(torch.randn(4, 2))
    torch.save(net, HERE / "module.pth")
    torch.save({"epoch": 1, "net": net, "inner": [nn.DataParallel(net)]},
               HERE / "module_legacy.pth", _use_new_zipfile_serialization=False)
    state("module.pth", "", net, True)
    state("module_legacy.pth", "net", net, True)
    state("module_legacy.pth", "inner/0", {f"module.{k}": v for k, v in net.state_dict().items()}, True)
    for file, script in [
        ("script.pt", torch.jit.script(net)),
        ("traced.pt", torch.jit.trace(net.eval(), torch.randn(4, 2))),
    ]:
        torch.jit.save(script, HERE / file)
        state(file, "", torch.jit.load(HERE / file), True)
    # Classes of the same name have mangled ones.
    twice = nn.ModuleDict({"x": nn.Sequential(nn.Linear(1, 2)), "y": nn.Sequential(nn.Linear(1, 2, bias=False))})

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = twice

        def forward(self, x):
            return self.parts["x"](x) + self.parts["y"](x)

    script = torch.jit.script(Two())
    torch.jit.save(script, HERE / "mangled.pt")
    state("mangled.pt", "", script, True)
    frozen = torch.jit.freeze(torch.jit.script(nn.Linear(2, 2).eval()))
    torch.jit.save(frozen, HERE / "frozen.pt")
    EXPECTED.append({"file": "frozen.pt", "opaque": True, "at": "", "state": []})


# ---- protocols

def protocol_files():
    torch.manual_seed(2)
    run = {"net": nn.Linear(2, 2).state_dict(), "size": torch.Size([1]), "half": torch.ones(2).half(),
           "u16": torch.tensor([65535], dtype=torch.uint16), "bytes": b"\0\xff", "flag": True}
    for protocol in range(6):
        for legacy in [False, True]:
            if legacy and protocol == 0:
                continue  # PyTorch cannot write it: keys of storages would have to be texts
            file = f"protocol{protocol}{'_legacy' if legacy else ''}.pth"
            torch.save(run, HERE / file, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
            state(file, "net", run["net"])
            tensor(file, "half", run["half"])
            tensor(file, "u16", run["u16"])
            shown(file, "size", run["size"])
            shown(file, "bytes", run["bytes"])
            shown(file, "flag", True)
    values = [None, True, False, 0, -1, 255, 2**31, -(2**63), 2**64, -(2**100), 2**300, 0.1, -0.0, float("inf"),
              1e300, "", "plain", "it's", '"', "ß", "€😀", "a\nb\\c\\u0041\r\t\0", b"", b"\0\n'\xff",
              (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], [1, [2]], {}, {"a": {"b": 1}, 2: 3}, [{1}]]
    shared = [7]
    values += [shared, shared, (shared, shared)]
    for protocol in range(6):
        file = f"values{protocol}.pkl"
        (HERE / file).write_bytes(pickle.dumps(values, protocol))
        for i, value in enumerate(values):
            shown(file, str(i), value)


# ---- unsigned integers

def unsigned_files():
    values = {
        "u16": torch.tensor([[0, 1], [40000, 65535]], dtype=torch.uint16),
        "u32": torch.tensor([0, 2**32 - 1], dtype=torch.uint32),
        "u64": torch.tensor([0, 2**63, 2**64 - 1], dtype=torch.uint64),
        "zero_d": torch.tensor(3, dtype=torch.uint16),
        "empty": torch.zeros(0, 2, dtype=torch.uint64),
    }
    views = dict(values, transposed=values["u16"].T, row=values["u16"][1])
    torch.save(views, HERE / "unsigned.pth")
    torch.save(views, HERE / "unsigned_legacy.pth", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(values, HERE / "unsigned.safetensors")
    np.savez(HERE / "unsigned.npz", **{k: v.numpy() for k, v in values.items()})
    np.save(HERE / "unsigned.npy", values["u64"].numpy())
    np.save(HERE / "unsigned_swapped.npy", np.array([1, 65535], dtype=">u2"))
    for file in ["unsigned.pth", "unsigned_legacy.pth"]:
        for name, value in views.items():
            tensor(file, name, value)
    for file in ["unsigned.safetensors", "unsigned.npz"]:
        for name, value in values.items():
            tensor(file, name, value)
    tensor("unsigned.npy", "", values["u64"])
    tensor("unsigned_swapped.npy", "", np.array([1, 65535], dtype="u2"))
    for dtype in ["float8_e4m3fn", "complex64"]:
        value = {"m": {"w": torch.ones(2).to(getattr(torch, dtype))}, "ok": torch.ones(1)}
        torch.save(value, HERE / f"{dtype}.pth")
        torch.save(value, HERE / f"{dtype}_legacy.pth", _use_new_zipfile_serialization=False)
        for file in [f"{dtype}.pth", f"{dtype}_legacy.pth"]:
            tensor(file, "ok", value["ok"], True)
    safetensors.torch.save_file({"w": torch.ones(2).to(torch.float8_e4m3fn)}, HERE / "float8.safetensors")
    torch.save({"q": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, HERE / "quantized.pth")
    torch.save({"s": torch.eye(2).to_sparse()}, HERE / "sparse.pth")


# ---- several files

def sharded_files():
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    items = net.state_dict()
    names = list(items)
    for folder, name, write in [
        ("sharded_safetensors", "model-{:05}-of-00002.safetensors", safetensors.torch.save_file),
        ("sharded_bin", "pytorch_model-{:05}-of-00002.bin", torch.save),
    ]:
        (HERE / folder).mkdir(exist_ok=True)
        weight_map = {}
        for part, own in enumerate([names[::2], names[1::2]], 1):
            file = name.format(part)
            write({n: items[n] for n in own}, HERE / folder / file)
            weight_map.update({n: file for n in own})
        index = {"metadata": {"total_size": 1}, "weight_map": {n: weight_map[n] for n in names}}
        kind = "model.safetensors" if "safetensors" in folder else "pytorch_model.bin"
        (HERE / folder / f"{kind}.index.json").write_text(json.dumps(index, indent=2))
        state(folder, "", net)
        state(f"{folder}/{kind}.index.json", "", net)


for old in HERE.iterdir():
    if old.suffix in {".pth", ".pt", ".pkl", ".npy", ".npz", ".safetensors"}:
        old.unlink()
numpy_files()
foreign_files()
module_files()
protocol_files()
unsigned_files()
sharded_files()
(HERE / "expected.json").write_text(
    "[\n" + ",\n".join(json.dumps(e, ensure_ascii=True) for e in EXPECTED) + "\n]\n"
)
print(len(EXPECTED), "entries")
