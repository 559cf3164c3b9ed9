"""Functions that change a tensor in place: a step of a graph, a tensor without a gradient, a parameter's data."""
import torch

from .rows import Op, integers, rand, randn

ANY = "atan ceil cos cosh deg2rad erf erfc exp2 expm1 frac rad2deg sgn sign sin sinc sinh square tan trunc".split()
INSIDE = "acos asin digamma erfinv lgamma log10 log1p log2 logit".split()
PAIRS = ["copysign_(y)", "copysign_(-2.0)", "xlogy_(y.detach().abs())", "fmod_(y.detach() + 3)", "fmod_(0.7)", "atan2_(y)", "hypot_(y)", "ldexp_(y)"]

CASES = [
    *[Op(f"{f}_", f"z = x * 1\nr = z.{f}_()\n(z, r)", x=randn(3, 4)) for f in ANY],
    *[Op(f"{f}_", f"z = x * 1\nr = z.{f}_()\n(z, r)", x=rand(3, 4)) for f in INSIDE],
    # PyTorch has no derivative of these in place.
    *[Op(f"{f}_", f"x.{f}_()\nx", x=rand(3, 4).detach()) for f in ("asinh", "atanh")],
    Op("acosh_", "x.acosh_()\nx", x=rand(3, 4).detach() + 1.5),
    *[Op(p.split("(")[0], f"z = x * 1\nz.{p}\nz", x=rand(3, 4), y=rand(4)) for p in PAIRS],
    *[Op(f"{f}_", f"z = x * 1\nz.{f}_({k})\nz", x=randn(3, 4)) for f in ("tril", "triu") for k in ("", "1", "diagonal=-1")],
    Op("logit_", "z = x * 1\nz.logit_(0.1)\nz", x=rand(3, 4)),
    Op("nan_to_num_", "z = x / 0.0\nz.nan_to_num_(0.5, posinf=2.0)\nz", x=torch.tensor([1.0, 0.0, -1.0])),
    Op("heaviside_", "x.heaviside_(y)\nx", x=torch.tensor([-1.0, 0.0, 2.0]), y=torch.tensor(0.5)),
    Op("floor_divide_", "x.floor_divide_(2.5)\nx", x=randn(4).detach()),
    *[Op(f, f"x.{f}\nx", x=integers(-9, 9, 5)) for f in ("sign_()", "square_()", "fmod_(3)", "floor_divide_(2)", "ceil_()", "trunc_()")],
    Op("sin_", "m = nn.Linear(2, 3)\nm.weight.data.sin_()\nm(x)", x=randn(2, 2)),
    *[Op(f"{f}_", f"z = x * 1\nz.{f}_()\nz", x=rand(5, dtype=torch.float64), dtype="float64") for f in ("sin", "erf", "lgamma")],
    *[Op(f"{f}_", f"x.{f}_()\nx", x=rand(5).detach().half()) for f in ("sin", "erf", "expm1")],
]
