"""Cases of functions of each element, of pairs, comparisons, conversions, and of activations with slopes and gates."""
from .draw import FLOATS
from .registry import called, operation
from .tensor_operations import ALL, both, some_dtype

UNARY = "acos acosh asin asinh atan atanh cosh sinh tan deg2rad rad2deg digamma lgamma erfc erfinv exp2 log2 log10 frac sinc " \
        "positive sgn logit nan_to_num".split()
QUESTIONS = "isinf isneginf isposinf signbit".split()
CASTS = "bool byte char short int bfloat16".split()
PAIRS = "atan2 hypot copysign fmax fmin fmod xlogy logaddexp logaddexp2 ldexp float_power heaviside true_divide " \
        "logical_and logical_or logical_xor".split()


@operation(*both(*UNARY), weight=0.4)
def unary(d, name):
    some_dtype(d, 0.9)
    function = name.split(".")[1]
    kinds = {"acosh": "positive", "log2": "positive", "log10": "positive", "digamma": "positive", "lgamma": "positive",
             "acos": "unit", "asin": "unit", "atanh": "unit", "erfinv": "unit", "logit": "unit"}
    x = d.tensor(d.shape(), kind=kinds.get(function, "normal") if d.chance(0.8) else "normal")
    if function == "digamma":
        # PyTorch's derivative keeps 9 digits, and is that of some number near a pole.
        d.case.grads.clear()
    d.case.mode = "element"
    options = {"logit": ["", "0.1", "None"], "nan_to_num": ["", "1.5", "0.0, 2.0, -3.0", "posinf=7.0"]}.get(function, [""])
    d.case.code = called(name, x, d.one(options))


@operation(*both(*QUESTIONS), *[f"Tensor.{n}" for n in CASTS], weight=0.3)
def question(d, name):
    some_dtype(d, 0.7)
    if name.split(".")[1] in CASTS:
        d.special = False
    x = d.tensor(d.shape())
    d.case.wide, d.case.mode = False, "exact"
    # What a negative float is as an unsigned integer differs by machine.
    d.case.code = called(name, f"{x}.abs()" if name.endswith("byte") and d.case.dtype in FLOATS else x)


@operation(*[f"Tensor.{n}_" for n in "acos asin atan ceil cos cosh erf erfc erfinv exp2 expm1 frac log10 log1p log2 sign sin sinc sinh square tan trunc".split()],
           *[f"Tensor.{n}_" for n in "atan2 copysign hypot xlogy".split()], weight=0.15)
def in_place(d, name):
    d.float_dtype()
    function = name.split(".")[1]
    shape = d.shape()
    d.case.mode = "element"
    x = d.tensor(shape, kind="unit" if function in ("acos_", "asin_", "erfinv_") else "positive")
    of_pair = function in ("atan2_", "copysign_", "hypot_", "xlogy_")
    y = d.tensor(d.broadcast(shape) if d.chance(0.4) else shape, kind="positive") if of_pair else ""
    d.case.code = f"z = {x} * 1\nz.{function}({y})\nz"


@operation(*both(*PAIRS), *both("eq", "ne", "lt", "le", "gt", "ge"), weight=0.6)
def pair(d, name):
    dtype = some_dtype(d, 0.85)
    function = name.split(".")[1]
    shape = d.shape()
    positive = function in ("xlogy", "float_power", "fmod")
    x = d.tensor(shape, kind="positive" if positive else "normal")
    # PyTorch squares the integers of atan2 as they are, and beyond their range.
    other = d.one(ALL) if d.chance(0.2) and function not in ("heaviside", "atan2") else dtype
    y = d.tensor(d.broadcast(shape), dtype=other, kind="positive" if positive else "normal",
                 grad=0 if function == "heaviside" else 0.85)
    if function == "heaviside":
        d.case.grads.clear()
    d.case.mode = "element"
    d.case.code = called(name, x, y)


@operation("Tensor.clamp_min", "Tensor.clamp_max", "Tensor.lerp", "Tensor.addcmul", "Tensor.addcdiv", "Tensor.where",
           "Tensor.isclose", "torch.isin", "torch.div", weight=0.6)
def several(d, name):
    d.float_dtype()
    shape = d.shape()
    x, function = d.tensor(shape), name.split(".")[1]
    y = d.tensor(d.broadcast(shape), kind="positive" if function in ("addcdiv", "div") else "normal")
    d.case.mode = "element"
    if function in ("clamp_min", "clamp_max"):
        d.case.code = called(name, x, d.one([y, d.number()]))
    elif function == "lerp":
        d.case.code = called(name, x, y, d.number(0, 1))
    elif function == "where":
        d.case.code = called(name, x, f"{x} > 0", y)
    elif function == "isin":
        d.case.grads.clear()
        d.case.code = f"torch.isin(({x} * 2).round(), ({y} * 2).round())"
    elif function == "isclose":
        d.case.grads.clear()
        d.case.code = called(name, x, y, d.one(["", "0.1", "0.0, 0.0, True", "rtol=0.0, atol=1.0"]))
    elif function == "div":
        d.case.code = called(name, x, y, f"rounding_mode='{d.one(['floor', 'trunc'])}'")
    else:
        d.case.code = called(name, x, x, y, f"value={d.number()}" if d.chance(0.5) else "")


@operation("F.glu", "F.prelu", "F.rrelu", "F.softmin", "F.gumbel_softmax", "F.sigmoid", "F.tanh", weight=0.7)
def gated(d, name):
    d.float_dtype()
    shape = d.shape(1)
    rank = len(shape)
    if name == "F.glu":
        axis = d.int(0, rank - 1)
        shape[axis] = 2 * shape[axis]
        x = d.tensor(shape)
        d.case.code = f"F.glu({x}, {axis})"
    elif name == "F.prelu":
        x = d.tensor(shape)
        weight = d.tensor([d.one([1, shape[1] if rank > 1 else 1])], layout=False)
        d.case.code = f"F.prelu({x}, {weight})"
    elif name == "F.rrelu":
        d.case.code = f"F.rrelu({d.tensor(shape)}, 0.1, 0.4, training={d.chance(0.7)})"
    elif name in ("F.softmin", "F.gumbel_softmax"):
        axis = d.dim(rank)
        extra = f"tau=0.7, hard={d.chance(0.3)}, dim={axis}" if "gumbel" in name else f"{axis}"
        d.case.code = f"{name}({d.tensor(shape)}, {extra})"
    else:
        d.case.code = f"{name}({d.tensor(shape)})"
    d.case.mode = "element"
