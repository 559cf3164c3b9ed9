"""Layers that learn a size from their first input: initial values and what they compute."""
from .rows import Op, randn

SHAPES = {1: (2, 4, 7), 2: (2, 4, 6, 5), 3: (1, 4, 4, 5, 3)}


def layer(text, x, members):
    values = ", ".join(["m(x)", *(f"m.{n}" for n in members)])
    return Op(text.split("(")[0].removeprefix("nn."), f"m = {text}\n({values})", x=x)


def convs(d):
    x = SHAPES[d]
    yield layer(f"nn.LazyConv{d}d(6, 2)", randn(*x), ["weight", "bias"])
    yield layer(f"nn.LazyConv{d}d(6, 2, bias=False, groups=2)", randn(*x), ["weight"])
    yield layer(f"nn.LazyConv{d}d(3, 3, stride=2, padding=1, dilation=1, padding_mode='circular')", randn(*x), ["weight", "bias"])
    yield layer(f"nn.LazyConv{d}d(3, 2)", randn(*x[1:]), ["weight", "bias"])
    yield layer(f"nn.LazyConvTranspose{d}d(6, 2)", randn(*x), ["weight", "bias"])
    yield layer(f"nn.LazyConvTranspose{d}d(6, 3, stride=2, padding=1, output_padding=1, groups=2)", randn(*x), ["weight", "bias"])
    yield layer(f"nn.LazyConvTranspose{d}d(3, 2, bias=False)", randn(*x), ["weight"])
    yield layer(f"nn.LazyConvTranspose{d}d(3, 2)", randn(*x[1:]), ["weight", "bias"])


def norms(d):
    x = SHAPES[d]
    running = ["running_mean", "running_var", "num_batches_tracked"]
    yield layer(f"nn.LazyBatchNorm{d}d()", randn(*x), ["weight", "bias", *running])
    yield layer(f"nn.LazyBatchNorm{d}d(eps=0.1, momentum=None)", randn(*x), ["weight", "bias", *running])
    yield layer(f"nn.LazyBatchNorm{d}d(affine=False)", randn(*x), running)
    yield layer(f"nn.LazyBatchNorm{d}d(bias=False, track_running_stats=False)", randn(*x), ["weight"])


def instance_norms(d):
    x = SHAPES[d]
    running = ["running_mean", "running_var", "num_batches_tracked"]
    yield layer(f"nn.LazyInstanceNorm{d}d()", randn(*x), ["weight", "bias", *running])
    yield layer(f"nn.LazyInstanceNorm{d}d(eps=0.1, momentum=0.3, bias=False)", randn(*x), ["weight", *running])
    yield layer(f"nn.LazyInstanceNorm{d}d(affine=False)", randn(*x), running)
    yield layer(f"nn.LazyInstanceNorm{d}d(track_running_stats=False)", randn(*x), ["weight", "bias"])
    yield Op(f"LazyInstanceNorm{d}d", f"m = nn.LazyInstanceNorm{d}d()\nm(x)\nm.eval()\n(m(x[0]), m.running_mean)", x=randn(*x))


NET = "nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5), nn.Linear(5, 2))"

CASES = [
    layer("nn.LazyLinear(3)", randn(2, 4), ["weight", "bias"]),
    layer("nn.LazyLinear(3, bias=False)", randn(2, 2, 4), ["weight"]),
    layer("nn.LazyLinear(3)", randn(4), ["weight", "bias"]),
    Op("LazyLinear", "m = nn.LazyLinear(3)\nm.double()\n(m(x.double()), m.weight, m.bias)", x=randn(2, 4)),
    Op("LazyLinear", "m = nn.LazyLinear(3)\ntorch.rand(2)\nm(x)\n(m(x), m.weight, m.bias)", x=randn(2, 4)),
    Op("LazyLinear", "m = nn.LazyLinear(3)\nm.load_state_dict(nn.Linear(4, 3).state_dict())\n(m(x), m.weight, m.bias)", x=randn(2, 4)),
    Op("LazyLinear", "m = nn.LazyLinear(3)\no = torch.optim.SGD(m.parameters(), lr=0.1)\nm(x).pow(2).sum().backward()\no.step()\n(m(x), m.weight)", x=randn(2, 4).detach()),
    Op("Lazy", f"m = {NET}\n(m(x), m[0].weight, m[1].running_var, m[4].weight, m[5].bias)", x=randn(3, 2, 5, 6)),
    Op("Lazy", f"m = {NET}\nm.eval()\nm(x)\nm.train()\n(m(x), m[1].running_mean, m[4].weight)", x=randn(3, 2, 5, 6)),
    *(case for d in SHAPES for case in convs(d)),
    *(case for d in SHAPES for case in norms(d)),
    *(case for d in SHAPES for case in instance_norms(d)),
]
