"""What pleach writes, PyTorch, safetensors and NumPy read, and the other way round.

Run by hand with a Python that has torch, safetensors and numpy; see docs/src/checkpoints.md.
Each line that is printed was checked; the first difference is an AssertionError.
"""

import argparse
import collections
import datetime
import json
import math
import pathlib
import subprocess
import tempfile

import numpy as np
import safetensors.torch
import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = ["cargo", "run", "--quiet", "-p", "pleach-checkpoint", "--example", "interop", "--"]
DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32,
    torch.int16, torch.int8, torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.uint64,
]


def pleach(*args):
    done = subprocess.run([*COMMAND, *map(str, args)], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    assert done.returncode == 0, args
    return done.stdout


def name_of(dtype):
    return str(dtype).removeprefix("torch.")


def tensors():
    out = {name_of(d): torch.tensor([[0, 1], [1, 3]]).to(d) for d in DTYPES}
    out["zero_d"] = torch.tensor(-7)
    out["empty"] = torch.zeros(0, 3)
    out["large"] = torch.tensor([2**63 - 1, -(2**63)])
    out["largest"] = torch.tensor([2**64 - 1, 2**63], dtype=torch.uint64)
    out["special"] = torch.tensor([math.nan, -0.0, math.inf])
    out["transposed"] = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).T
    return out


def same(got, expected):
    assert got.dtype == expected.dtype and got.shape == expected.shape, (got, expected)
    as_bytes = lambda t: t.detach().contiguous().reshape(-1).view(torch.uint8).tolist()
    assert as_bytes(got) == as_bytes(expected), (got, expected)


def same_dicts(got, expected):
    assert set(got) == set(expected), set(got) ^ set(expected)
    for key in expected:
        same(got[key], expected[key])


def load(path, **how):
    return torch.load(path, weights_only=True, **how)


def read_what_pleach_wrote(folder):
    pleach("write", folder)
    expected = tensors()
    same_dicts(load(folder / "tensors.pth"), expected)
    same_dicts(load(folder / "tensors.pth", mmap=True), expected)
    same_dicts(safetensors.torch.load_file(folder / "tensors.safetensors"), expected)
    print("torch.load(weights_only=True), with mmap too, and load_file: every dtype")
    del expected["bfloat16"]
    arrays = np.load(folder / "tensors.npz", allow_pickle=False)
    same_dicts({k: torch.from_numpy(arrays[k]) for k in arrays.files}, expected)
    for key, value in expected.items():
        same(torch.from_numpy(np.load(folder / f"{key}.npy", allow_pickle=False)), value)
    print("numpy.load: .npz and .npy, every dtype but bfloat16")

    weight = torch.arange(1.0, 7.0).reshape(2, 3)
    expected = {"a": weight, "b": weight, "t": weight.T, "row": weight[1]}
    tied = load(folder / "tied.pth")
    same_dicts(tied, expected)
    assert len({t.untyped_storage().data_ptr() for t in tied.values()}) == 1
    assert tied["t"].stride() == (1, 3) and tied["row"].storage_offset() == 3
    same_dicts(safetensors.torch.load_file(folder / "tied.safetensors"), expected)
    print("tied tensors and views: one storage in torch, the same values in safetensors")

    tree = load(folder / "tree.pth")
    parameter = tree.pop("parameter")
    assert type(parameter) is nn.Parameter and parameter.requires_grad
    assert parameter.tolist() == [1, 2]
    assert type(tree["ordered"]) is collections.OrderedDict
    assert str(tree.pop("floats")) == "[0.1, inf, -0.0]"
    assert tree == {
        "none": None, "bools": [True, False], "ints": [0, 255, 256, -1, 2**31, -(2**40)],
        "seed": 2**64 - 1, "text": "'ß\n键\0'", "bytes": bytes([0, 127, 128, 255]),
        "tuple": (1, "x"), "set": {3}, "size": torch.Size([2, 3]), "dtype": torch.float16,
        "device": torch.device("cpu"), "ordered": collections.OrderedDict(z=1, a=2),
    }, tree
    print("a tree of every kind of value")

    state = load(folder / "net.pth")
    assert type(state) is collections.OrderedDict and list(state) == list(net().state_dict())
    assert list(state._metadata.items()) == list(net().state_dict()._metadata.items()), state._metadata
    assert str(net().load_state_dict(state)) == "<All keys matched successfully>"
    print("a model's state dict, with its order and its versions")


def write_for_pleach(folder):
    everything = tensors()
    torch.save(everything, folder / "tensors.pth")
    torch.save(everything, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    contiguous = {k: v.contiguous() for k, v in everything.items()}
    safetensors.torch.save_file(contiguous, folder / "tensors.safetensors")
    del everything["bfloat16"]
    arrays = {k: v.numpy() for k, v in everything.items()}
    np.savez(folder / "tensors.npz", **arrays)
    np.savez_compressed(folder / "deflated.npz", **arrays)
    np.save(folder / "fortran.npy", np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    np.save(folder / "big_endian.npy", np.array([1, -2, 70000], dtype=">i4"))
    layer = nn.Linear(2, 2)
    safetensors.torch.save_model(nn.Sequential(layer, layer), folder / "save_model.safetensors")
    write_foreign(folder)
    print(pleach("read", folder).strip())


def write_foreign(folder):
    """What real checkpoints carry beside the weights."""
    model = net()
    run = {
        "model": model.state_dict(), "args": argparse.Namespace(lr=0.5), "when": datetime.date(2024, 5, 17),
        "path": pathlib.Path("/a"), "losses": collections.defaultdict(list, train=[1.0]),
        "best": np.float64(0.75), "curve": np.arange(3, dtype=">i4"), "seeds": np.random.get_state(),
    }
    torch.save(run, folder / "foreign.pth")
    torch.save(model, folder / "module.pth")
    torch.jit.save(torch.jit.script(model), folder / "script.pt")
    torch.save(model.state_dict(), folder / "plain.pth")
    parts = list(model.state_dict().items())
    index = {}
    for number, part in enumerate([parts[::2], parts[1::2]]):
        file = f"part{number}.safetensors"
        safetensors.torch.save_file(dict(part), folder / file)
        index.update({name: file for name, _ in part})
    index = {name: index[name] for name, _ in parts}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))


def net():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4 * 4, 3)
    )


class Run:
    """A training run in PyTorch that can be saved and taken up."""

    def __init__(self, optimizer):
        self.net = net()
        self.optimizer = optimizer(self.net.parameters())
        self.x, self.y = torch.randn(16, 1, 6, 6), torch.randint(3, (16,))
        self.epoch = 0

    def train(self, steps):
        losses = []
        for _ in range(steps):
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.net(self.x), self.y)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
            self.epoch += 1
        return losses

    def save(self, path, **how):
        torch.save(
            {
                "epoch": self.epoch, "model_state": self.net.state_dict(),
                "optimizer": self.optimizer.state_dict(), "x": self.x, "y": self.y,
            },
            path, **how,
        )

    def load(self, path):
        checkpoint = load(path)
        self.net.load_state_dict(checkpoint["model_state"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        self.x, self.y, self.epoch = checkpoint["x"], checkpoint["y"], checkpoint["epoch"]

    def values(self):
        """Parameters, buffers and the optimizer's state, by name."""
        out = dict(self.net.state_dict())
        for number, own in self.optimizer.state_dict()["state"].items():
            out.update({f"{number}.{name}": t for name, t in own.items() if t is not None})
        return out


def difference(a, b):
    a, b = [torch.as_tensor(v, dtype=torch.float64).detach() for v in (a, b)]
    return (a - b).abs().max().item()


def largest_difference(a, b):
    a, b = a.values(), b.values()
    assert set(a) == set(b), set(a) ^ set(b)
    return max(difference(a[name], b[name]) for name in a)


def sgd(**options):
    return lambda parameters: torch.optim.SGD(parameters, 0.05, weight_decay=1e-3, **options)


def resume(folder, optimizer, **how):
    """Ten steps in PyTorch; and five on one side, then five on the other."""
    torch.manual_seed(0)
    whole = Run(optimizer)
    whole.save(folder / "start.pth", **how)
    first = whole.train(5)
    whole.save(folder / "torch5.pth", **how)
    second = whole.train(5)
    tolerance = 1e-5
    # All of it is to come from the file.
    other = sgd(momentum=0.1, dampening=0.7, maximize=True)

    losses = [float(x) for x in pleach("train", folder / "torch5.pth", folder / "b.pth", 5).split()]
    there = Run(other)
    there.load(folder / "b.pth")
    worst = largest_difference(there, whole)
    print(f"torch, then pleach: losses {losses}")
    print(f"  torch alone:             {second}")
    print(f"  largest difference: loss {difference(losses, second):.1e}, state {worst:.1e}")
    assert difference(losses, second) < tolerance and worst < tolerance and there.epoch == 10

    losses = [float(x) for x in pleach("train", folder / "start.pth", folder / "c.pth", 5).split()]
    assert difference(losses, first) < tolerance
    back = Run(other)
    back.load(folder / "c.pth")
    losses = back.train(5)
    worst = largest_difference(back, whole)
    print(f"pleach, then torch: losses {losses}")
    print(f"  largest difference: loss {difference(losses, second):.1e}, state {worst:.1e}")
    assert difference(losses, second) < tolerance and worst < tolerance


def same_trees(got, expected, path=""):
    """Of one type, structure, layout and value."""
    assert type(got) is type(expected), (path, type(got), type(expected))
    if isinstance(expected, torch.Tensor):
        same(got, expected)
        assert got.stride() == expected.stride(), path
        assert got.requires_grad == expected.requires_grad, path
    elif isinstance(expected, dict):
        assert list(got) == list(expected), path
        for key in expected:
            assert type(key) in (str, int)
            same_trees(got[key], expected[key], f"{path}/{key}")
    elif isinstance(expected, (list, tuple)):
        assert len(got) == len(expected), path
        for i, (a, b) in enumerate(zip(got, expected)):
            same_trees(a, b, f"{path}/{i}")
    else:
        assert got == expected, (path, got, expected)


def pass_through(folder, optimizer):
    """The state of an optimizer that pleach lacks goes through it: torch goes on bit for bit."""
    torch.manual_seed(0)
    whole = Run(optimizer)
    whole.train(3)
    whole.save(folder / "a.pth")
    losses = whole.train(3)
    pleach("copy", folder / "a.pth", folder / "b.pth")
    same_trees(load(folder / "b.pth"), load(folder / "a.pth"))
    there = Run(optimizer)
    there.load(folder / "b.pth")
    assert there.train(3) == losses and largest_difference(there, whole) == 0
    print(f"{type(whole.optimizer).__name__}: read, written, and torch goes on with {losses}")


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    read_what_pleach_wrote(folder)
    write_for_pleach(folder)
    for options in [
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.8, "dampening": 0.3},
        {"momentum": 0.9, "maximize": True},
        {},
    ]:
        print(f"SGD with {options}:")
        resume(folder, sgd(**options))
    print("the same from files in the format before PyTorch 1.6:")
    nesterov = sgd(momentum=0.9, nesterov=True)
    resume(folder, nesterov, _use_new_zipfile_serialization=False)
    for make, options in [
        (torch.optim.Adam, {}),
        (torch.optim.Adam, {"amsgrad": True, "weight_decay": 1e-2, "betas": (0.8, 0.99)}),
        (torch.optim.AdamW, {"fused": True}),
        (torch.optim.RMSprop, {"momentum": 0.5, "centered": True}),
    ]:
        pass_through(folder, lambda parameters: make(parameters, lr=1e-2, **options))
    print("all is well")
