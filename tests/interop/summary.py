"""Writes tests/looking_inside/expected.json: what torchinfo says of models, and their multiply-adds.

    python tests/interop/summary.py tests/looking_inside/expected.json

Needs torch, torchvision and torchinfo. A case has

- `text`: torchinfo's table, with the options that stand beside it. Its line `Total mult-adds` is left out:
  torchinfo estimates them from parameters, with biases and normalisations, and once for a sequence;
- `multiply_adds`: an independent count by hooks on the layers that multiply, in the order of the calls;
- `published`: the figure in torchvision's documentation, in units of 1e9.
"""
import json
import sys

import torch
import torchinfo
import torchvision
from torch import nn


class Residual(nn.Module):
    """A parameter of its own, a list that is not called, a layer that is never called."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(6))
        self.layers = nn.ModuleList([nn.Linear(6, 6), nn.ReLU()])
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        y = x
        for layer in self.layers:
            y = layer(y)
        return x + y * self.scale


def shared():
    linear = nn.Linear(6, 6)
    return nn.Sequential(linear, nn.ReLU(), linear, nn.Sequential(nn.Linear(6, 4, bias=False), nn.Dropout()))


def partly_frozen():
    net = nn.Sequential(nn.Linear(6, 6), Residual(), nn.Dropout(0.25), nn.Linear(6, 2))
    net[1].layers[0].requires_grad_(False)
    net[3].bias.requires_grad_(False)
    return net


def vision(name):
    return lambda: getattr(torchvision.models, name)()


def published(name):
    weights = torchvision.models.get_model_weights(name)
    return weights.IMAGENET1K_V1.meta["_ops"]


# name, maker, shape of the input, options of torchinfo
CASES = [
    ("resnet18", vision("resnet18"), (1, 3, 224, 224), {}),
    ("resnet18", vision("resnet18"), (2, 3, 64, 64), {"depth": 1}),
    ("resnet18", vision("resnet18"), (2, 3, 64, 64), {
        "depth": 2,
        "row_settings": ["depth", "var_names"],
        "col_names": ["input_size", "output_size", "num_params", "params_percent", "trainable"],
    }),
    ("resnet50", vision("resnet50"), (1, 3, 224, 224), {}),
    ("mobilenet_v2", vision("mobilenet_v2"), (1, 3, 224, 224), {"depth": 4}),
    ("vgg16", vision("vgg16"), (1, 3, 224, 224), {}),
    ("shared", shared, (5, 6), {}),
    ("shared", shared, (5, 7, 6), {"depth": 1, "col_names": ["input_size", "output_size", "num_params"]}),
    ("partly_frozen", partly_frozen, (5, 6), {}),
    ("partly_frozen", partly_frozen, (5, 6), {
        "depth": 1, "col_names": ["output_size", "num_params", "params_percent", "trainable"],
    }),
]


def count(model, x):
    """The multiply-adds of each call of a convolution or a linear layer."""
    calls = []

    def hook(module, inputs, output):
        if isinstance(module, nn.Conv2d):
            each = module.in_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]
        else:
            each = module.in_features
        calls.append([names[module], output.numel() * each])

    names = {module: name for name, module in model.named_modules()}
    for module in names:
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(hook)
    with torch.no_grad():
        model.eval()(x)
    return calls


def case(name, make, shape, options):
    model = make()
    found = torchinfo.summary(model, shape, verbose=0, **options)
    lines = [line for line in str(found).split("\n") if not line.startswith("Total mult-adds")]
    return {
        "model": name,
        "input": list(shape),
        "depth": options.get("depth", 3),
        "names": "var_names" in options.get("row_settings", []),
        "columns": options.get("col_names", ["output_size", "num_params"]),
        "text": lines,
        "parameters": found.total_params,
        "trainable": found.trainable_params,
        "multiply_adds": count(model, torch.zeros(shape)),
        "published": published(name) if shape[-1] == 224 else None,
    }


def main():
    versions = {module.__name__: module.__version__ for module in (torch, torchvision, torchinfo)}
    cases = ",\n".join(json.dumps(case(*c), ensure_ascii=False) for c in CASES)
    with open(sys.argv[1], "w") as file:
        file.write(f'{{"versions": {json.dumps(versions)}, "cases": [\n{cases}\n]}}\n')


main()
