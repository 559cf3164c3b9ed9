"""Runs a case in PyTorch: results, gradients, and how far pleach may be from them."""
import ast
import math
import warnings

import torch
from torch import nn
from torch.nn import functional as F

from .draw import DTYPES

warnings.simplefilter("ignore")
FLOATS = {torch.float32, torch.float64, torch.float16, torch.bfloat16}


class Result:
    def __init__(self):
        self.outputs, self.grads, self.buffers = [], {}, {}

    def named(self):
        """Every tensor by its name in the golden layout."""
        out = {f"out.y{i}": t for i, t in enumerate(self.outputs)}
        out |= {f"grad.{n}": t for n, t in self.grads.items()}
        return out | {f"bufafter.{n}": t for n, t in self.buffers.items()}


class Raised(Exception):
    """PyTorch refuses the case; `backward` says whether only then."""

    def __init__(self, error, backward=False):
        super().__init__(f"{type(error).__name__}: {error}")
        self.backward = backward


def evaluate(code, scope):
    tree = ast.parse(code)
    *before, last = tree.body
    exec(compile(ast.Module(before, []), "case", "exec"), scope)
    return eval(compile(ast.Expression(last.value), "case", "eval"), scope)


def flatten(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [t for item in value for t in flatten(item)]


def widen(t):
    return t.double() if t.dtype in FLOATS else t.clone()


def noisy(t, eps, generator):
    if t.dtype not in FLOATS:
        return t
    noise = torch.rand(t.shape, generator=generator, dtype=torch.float64) * 2 - 1
    return t * (1 + eps * noise)


class Runner:
    """One case in PyTorch, run in its own dtype and in f64 with the same gradients of outputs."""

    def __init__(self, draw, whole=True):
        self.draw, self.case = draw, draw.case
        self.gouts = None
        self.state, self.params, self.buffers = None, [], []
        if self.case.module:
            try:
                self.prepare_module()
            except Raised:
                # For a case that only asks whether pleach refuses the class's arguments too.
                if whole:
                    raise

    def prepare_module(self):
        """Draws the module's values: its own for parameters, others for what starts as 0 or 1."""
        cls, kwargs = self.case.module
        torch.manual_seed(self.case.seed)
        try:
            made = self.make()
        except Exception as e:
            raise Raised(e) from e
        made = made.to(DTYPES[self.case.dtype])
        self.state = {}
        for name, t in made.state_dict().items():
            if t.dtype not in FLOATS:
                self.state[name] = t.clone() + self.draw.int(0, 3)
            elif cls.startswith("BatchNorm"):
                drawn = torch.randn(t.shape, generator=self.draw.torch)
                drawn = drawn.abs() + 0.1 if name == "running_var" else drawn
                self.state[name] = drawn.to(t.dtype)
            else:
                self.state[name] = t.clone()
        self.params = [n for n, _ in made.named_parameters()]
        self.buffers = [n for n, _ in made.named_buffers()]

    def make(self):
        cls, kwargs = self.case.module
        tupled = {k: tuple(v) if isinstance(v, list) else v for k, v in kwargs.items()}
        return getattr(nn, cls)(**tupled)

    def run(self, change=lambda t: t.clone(), dtype=None):
        case, result = self.case, Result()
        inputs = {n: change(t) for n, t in case.inputs.items()}
        for name in case.grads:
            inputs[name].requires_grad_()
        scope = {"torch": torch, "nn": nn, "F": F, "math": math, **inputs}
        try:
            if case.module:
                module = self.make().to(dtype or DTYPES[case.dtype])
                module.load_state_dict({n: change(t) for n, t in self.state.items()})
                scope["m"] = module.train(case.training)
            torch.manual_seed(case.seed)
            outputs = flatten(evaluate(case.code, scope))
        except Exception as e:
            raise Raised(e) from e
        for t in outputs:
            if t.dtype not in DTYPES.values():
                raise Raised(TypeError(f"a result of {t.dtype}"), backward=True)
        if self.gouts is None:
            self.gouts = [
                self.draw.values(list(t.shape), str(t.dtype).removeprefix("torch."))
                if t.requires_grad else None for t in outputs
            ]
        pairs = [(o, change(g).to(o.dtype)) for o, g in zip(outputs, self.gouts) if g is not None]
        try:
            if pairs:
                torch.autograd.backward([o for o, _ in pairs], [g for _, g in pairs])
        except Exception as e:
            raise Raised(e, backward=True) from e
        result.outputs = [t.detach() for t in outputs]
        for name in case.inputs:
            grad = inputs[name].grad
            if name in case.grads and grad is not None:
                result.grads[name] = grad
        if case.module:
            for name, p in scope["m"].named_parameters():
                if p.grad is not None:
                    result.grads[name] = p.grad
            result.buffers = {n: b.detach() for n, b in scope["m"].named_buffers()}
        return result

    def references(self):
        """Expected tensors and tolerances by name, and whether the case is too unstable to judge."""
        case = self.case
        own = self.run()
        wide, moved = None, []
        # Of several dtypes the coarsest counts: PyTorch rounds to it on the way.
        floats = [t.dtype for t in [*case.inputs.values(), *own.named().values()] if t.dtype in FLOATS]
        eps = max((torch.finfo(t).eps for t in floats), default=0.0)
        if case.wide:
            try:
                if case.dtype != "float64":
                    wide = self.run(widen, torch.float64)
                if case.mode == "sum":
                    generator = torch.Generator().manual_seed(case.seed)
                    for _ in range(2):
                        moved.append(self.run(lambda t: noisy(widen(t), eps, generator), torch.float64))
            except Raised:
                wide, moved = None, []
        names, expected, tolerances, loose = own.named(), {}, {}, False
        wides = (wide or own).named()
        moveds = [m.named() for m in moved]
        for name, t in names.items():
            expected[name] = t
            if t.dtype not in FLOATS:
                continue
            others = [m[name] for m in moveds if name in m and m[name].shape == t.shape]
            w = wides.get(name, t)
            if w.shape != t.shape or w.dtype not in FLOATS:
                w = t
            mode = case.mode if name.startswith("out.") or case.mode == "sum" else "sum"
            expected[name], tolerances[name], unstable = judge(t, w, others, mode, eps)
            loose |= unstable
        return own, expected, tolerances, loose


def judge(own, wide, moved, mode, eps):
    """The expected tensor, `[rtol, atol]`, and whether anything would pass."""
    info = torch.finfo(own.dtype)
    double = eps < 1e-15
    if mode == "exact":
        return own, [0.0, 0.0], False
    a, b = own.double(), wide.double()
    finite = torch.isfinite(a) & torch.isfinite(b)
    if not bool(finite.any()):
        return own, [0.0, 0.0], False
    big = lambda t: float(t[finite].abs().nan_to_num(0.0, 0.0, 0.0).max())
    scale, error = big(b), big(a - b)
    noise = max((big(m.double() - b) for m in moved), default=0.0)
    # Where f32 decides otherwise than f64 (a floor, a comparison), PyTorch's f32 is the reference;
    # not where f32 is nothing but rounding.
    if error > 0.02 * scale and noise < 0.02 * scale and error < 2 * scale:
        return own, [32 * eps, 32 * eps * scale], False
    tiny = info.smallest_normal
    if mode == "element":
        relative = float(((a - b).abs() / b.abs().clamp(min=tiny))[finite].max())
        if relative < 0.02:
            rtol = 1e-12 if double else max(8 * eps, 4 * relative)
            return mixed(own, wide, finite), [rtol, tiny], False
    if double:
        atol = max(1e-10 * scale, 8 * noise)
    else:
        atol = max(8 * error, 16 * noise, 4 * eps * scale)
    return mixed(own, wide, finite), [1e-10 if double else 16 * eps, atol + tiny], atol > 0.05 * scale > 0


def mixed(own, wide, finite):
    """The exact values, and PyTorch's own where one of the two is not finite."""
    rounded = wide.to(own.dtype)
    return torch.where(finite & torch.isfinite(rounded), rounded, own)
