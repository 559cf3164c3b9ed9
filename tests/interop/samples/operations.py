"""Operations of PyTorch's `op_db`."""
import torch
from torch.testing._internal.common_methods_invocations import op_db

from . import evaluate
from .text import Inputs, Skipped, arguments, written

NAMES = ["x", *"abcdefgh"]
OPERATORS = {
    "__radd__": "+", "__rsub__": "-", "__rmul__": "*", "__rdiv__": "/", "__rmod__": "%", "__rpow__": "**",
    "__rmatmul__": "@", "__rand__": "&", "__ror__": "|",
}


def full_name(op):
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


def namespace(name):
    """How a function is named in code, if PyTorch has it."""
    path = name.removeprefix("nn.functional.") if name.startswith("nn.functional.") else name
    holder = torch.nn.functional if path != name else torch
    for part in path.split("."):
        holder = getattr(holder, part, None)
    if not callable(holder):
        raise Skipped("no function of the operation's name")
    return f"F.{path}" if path != name else f"torch.{path}"


def call(op, sample, tensor):
    """A sample as the text of a call."""
    if op.name == "__getitem__":
        return f"{written(sample.input, 'x', tensor)}[{index(sample.args[0], tensor)}]"
    positional = [sample.input, *sample.args]
    texts, keywords = arguments(positional, sample.kwargs, NAMES, tensor)
    first, *rest = texts
    if isinstance(sample.input, torch.Tensor):
        if op.name in OPERATORS:
            return f"{rest[0]} {OPERATORS[op.name]} {first}"
        if hasattr(torch.Tensor, op.name) and not callable(getattr(torch.Tensor, op.name)):
            return f"{first}.{op.name}"
        if hasattr(torch.Tensor, op.name):
            return f"{first}.{op.name}({', '.join(rest + keywords)})"
    return f"{namespace(op.name)}({', '.join(texts + keywords)})"


def index(value, tensor):
    """What stands between brackets."""
    if isinstance(value, tuple):
        return ", ".join(index(v, tensor) for v in value) + "," * (len(value) == 1)
    if isinstance(value, slice):
        ends = ["" if v is None else repr(v) for v in (value.start, value.stop)]
        return ":".join(ends + ([] if value.step is None else [repr(value.step)]))
    return "..." if value is ... else written(value, "i", tensor)


def dtypes_of(op, wanted):
    """The wanted dtypes that an operation takes, or else an integer or a boolean one."""
    return [d for d in wanted if d in op.dtypes] or [d for d in (torch.int64, torch.bool) if d in op.dtypes][:1]


def cases(options, report):
    """Yields (entry, tensors) of every sample that can be written."""
    for op in op_db:
        if options.wants(full_name(op), op.name):
            yield from of_operation(op, options, report)


def of_operation(op, options, report):
    lists = {d: samples(op, d, options, report) for d in dtypes_of(op, options.dtypes)}
    for turn, place in enumerate(options.places(max(map(len, lists.values()), default=0))):
        available = [(d, found[place]) for d, found in lists.items() if place < len(found)]
        dtype, sample = available[turn % len(available)]
        id = f"{full_name(op)}_{place}"
        with report.case("op_db", id):
            yield one(op, sample, dtype, id, options)


def samples(op, dtype, options, report):
    """The samples of an operation, up to the first that PyTorch cannot make."""
    options.reseed()
    found = []
    with report.case("op_db", full_name(op)):
        try:
            found.extend(op.sample_inputs("cpu", dtype, requires_grad=op.supports_autograd, set_seed=False))
        except Exception as e:
            raise Skipped(f"no samples: {type(e).__name__}") from e
    return found


def one(op, sample, dtype, id, options):
    if "empty" in op.name or op.name == "resize_":
        raise Skipped("uninitialised values")
    inputs = Inputs()
    code = call(op, sample, inputs)
    entry = {
        "id": id, "group": "ops", "dtype": evaluate.name_of(dtype), "kind": "op", "op": full_name(op), "code": code,
    }
    return evaluate.case(entry, code, inputs, options.seed, options.generator(id))
