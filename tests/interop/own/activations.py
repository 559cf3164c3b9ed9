"""Activations with draws, slopes and implicit dimensions, and functions of each element at their corners."""
import torch

from .rows import Module, Op, integers, rand, randn

nan, inf = float("nan"), float("inf")


def corners(dtype=torch.float32):
    return torch.tensor([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, inf, -inf, nan, 1e-30, 3e38], dtype=dtype).requires_grad_()


def pairs():
    """Every pair of some corners, as two tensors."""
    x = torch.tensor([0.0, -0.0, 1.0, -1.0, 2.5, -3.0, inf, -inf, nan])
    return x.repeat_interleave(9), x.repeat(9)


UNARY = "acos acosh asin asinh atan atanh cosh sinh tan sin cos deg2rad rad2deg erfc erf erfinv exp2 log2 log10 " \
        "log1p expm1 exp log tanh sigmoid frac nan_to_num sgn sinc logit isinf isposinf isneginf signbit square".split()
BINARY = "atan2 hypot copysign fmax fmin xlogy logaddexp logaddexp2 fmod heaviside pow true_divide".split()

CASES = [
    *[Module("RReLU", {}, mode=mode, dtype=dtype, x=randn(3, 7, dtype=getattr(torch, dtype)))
      for mode in ("train", "eval") for dtype in ("float32", "float64")],
    Module("RReLU", {"lower": 0.1, "upper": 0.9}, x=randn(2, 3, 4)),
    Module("RReLU", {"lower": 0.2, "upper": 0.2}, x=randn(5)),
    Op("rrelu", "F.rrelu(x, 0.1, 0.3, training=True)", x=randn(4, 5)),
    Op("rrelu_strided", "F.rrelu(x.t(), training=True)", x=randn(4, 5)),
    Module("PReLU", {}, x=randn(2, 3)), Module("PReLU", {"num_parameters": 4}, x=randn(2, 4, 3)),
    Module("PReLU", {"num_parameters": 4, "init": 0.1}, x=randn(2, 4, 3, 2)), Module("PReLU", {"init": -1.5}, x=randn(7)),
    Module("GLU", {}, x=randn(2, 6)), Module("GLU", {"dim": 0}, x=randn(4, 3)), Module("GLU", {"dim": 1}, x=randn(2, 4, 3)),
    Module("GLU", {"dim": -2}, dtype="float64", x=randn(2, 4, 3, dtype=torch.float64)),
    *[Module(cls, {"dim": dim}, x=randn(2, 3, 4)) for cls in ("Softmax", "Softmin", "LogSoftmax") for dim in (0, -1)],
    *[Module(cls, {}, x=randn(*shape)) for cls in ("Softmax", "Softmin", "LogSoftmax") for shape in ((5,), (2, 3), (2, 3, 2))],
    Module("Softmax2d", {}, x=randn(3, 2, 2)), Module("Softmax2d", {}, x=randn(2, 3, 2, 2)),
    *[Module("GELU", {"approximate": how}, x=randn(50)) for how in ("none", "tanh")],
    *[Module("GELU", {"approximate": how}, dtype="float64", x=randn(20, dtype=torch.float64)) for how in ("none", "tanh")],
    *[Module(cls, {}, x=randn(20)) for cls in ("Sigmoid", "Tanh")],
    Op("gumbel", "F.gumbel_softmax(x)", x=randn(3, 5)), Op("gumbel_tau", "F.gumbel_softmax(x, tau=0.3, dim=0)", x=randn(3, 5)),
    Op("gumbel_hard", "F.gumbel_softmax(x, hard=True)", x=randn(3, 5)),
    Op("gumbel_hard_0", "F.gumbel_softmax(x, tau=2.0, hard=True, dim=0)", x=randn(3, 5)),
    *[Op(f"corner_{name}", f"x.{name}()", x=corners()) for name in UNARY],
    *[Op(f"corner64_{name}", f"x.{name}()", dtype="float64", x=corners(torch.float64)) for name in UNARY],
    *[Op(f"pair_{name}", f"x.{name}(y)", x=pairs()[0], y=pairs()[1]) for name in BINARY],
    Op("digamma", "x.digamma(), x.lgamma()", x=torch.tensor([0.3, 1.0, 2.5, 30.0, -0.4, -3.7]).requires_grad_()),
    *[Op(f"far_{name}", f"x.{name}()", x=torch.tensor([1e5, -1e6, 12345678.0, 1e10, 2.0**40, -3e20, 1e38, 3.1415927]))
      for name in ("sin", "cos", "tan")],
    *[Op(f"int_{name}", f"x.{name}()", x=integers(0, 2, 5)) for name in ("acos", "exp2", "lgamma", "sinc", "logit")],
    *[Op(f"div_{mode}", f"x.div(y, rounding_mode='{mode}'), a.div(b, rounding_mode='{mode}')", x=randn(4), y=rand(4),
         a=integers(-9, 9, 6), b=integers(1, 4, 6)) for mode in ("floor", "trunc")],
    *[Op(f"round_{n}", f"x.round(decimals={n})", x=torch.tensor([2.675, -1.25, 1350.0, 0.05, 12345.678])) for n in (1, 2, 3, -2, 0)],
    Op("frexp", "x.frexp()", x=torch.tensor([0.0, -0.0, 1.0, inf, nan, 1e-45, 3.4e38, -5.0])),
    Op("isin", "torch.isin(x, y), torch.isin(x, y, invert=True), torch.isin(x, 2)", x=integers(0, 5, 3, 4), y=integers(0, 3, 2)),
    Op("isclose", "x.isclose(y), x.isclose(y, equal_nan=True), x.isclose(y, rtol=0.5)", x=corners(), y=corners().flip(0)),
    Op("where", "torch.where(x > 0, 1, 2.5), torch.where(x > 0), x.where(x > 0, 0)", x=randn(2, 3)),
    Op("linspace", "torch.linspace(0, 9, 5, dtype=torch.int64), torch.linspace(-7.5, 9, 5, dtype=torch.int32), "
       "torch.linspace(0, 1, 7, dtype=torch.float64), torch.linspace(0, 1, 4, dtype=torch.float16), torch.linspace(0, 1, 1)"),
    Op("logspace", "torch.logspace(0, 3, 4), torch.logspace(0, 3, 4, base=2), torch.logspace(0.5, 3, 4, dtype=torch.int32), "
       "torch.logspace(-1, 1, 3, base=0.5, dtype=torch.float64), torch.logspace(0, 4, 5, dtype=torch.float16)"),
    Op("like", "torch.full_like(x, 2.5, dtype=torch.int64), x.new_full((2,), 3), x.new_ones(2), torch.zeros_like(x, dtype=torch.bool)",
       x=randn(2, 3)),
    Op("fill", "torch.fill(x, y)", x=randn(3), y=torch.tensor(3.0).requires_grad_()), Op("rsub", "torch.rsub(x, y, alpha=2)", x=randn(3), y=randn(2, 3)),
    Op("in_place", "(x * 1).exp_().log_().abs_().sqrt_().reciprocal_().tanh_().sigmoid_().clamp_min_(0.55).clamp_max_(0.6), (x * 3).floor_(), (x * 3).round_().remainder_(2), (x.abs() + 1).rsqrt_()", x=randn(9).detach()),
    *[Op(f"cast_{name}", f"x.{name}()", x=torch.tensor([0.0, 1.7, -2.9, 100.5])) for name in "bool char short int long half bfloat16".split()],
]
