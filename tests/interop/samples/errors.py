"""Bad inputs of `op_db` and `module_db`, and the texts of the errors that they raise."""
import math

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

from compare.reference import evaluate
from compare.syntax import statements

from . import operations
from .text import Skipped, arguments, literal

NAMES = [f"x{i}" for i in range(16)]


def cases(options, report):
    """Every distinct piece of code that raises."""
    found = {}
    for id, make in codes(options):
        with report.case("error_db", id):
            code = make()
            if code in found:
                raise Skipped("the same code again")
            found[code] = error_of(code)
    return [{"code": c, "error": e, "ast": statements(c)} for c, e in found.items()]


def repeatable(make):
    """Bad inputs; PyTorch fills what they leave uninitialised."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        return list(make())
    finally:
        torch.use_deterministic_algorithms(False)


def codes(options):
    """Yields a name, and a function that writes the code."""
    for op in op_db:
        name = operations.full_name(op)
        if op.error_inputs_func and options.wants(name, op.name):
            for i, bad in enumerate(repeatable(lambda: op.error_inputs("cpu"))):
                yield f"{name}_{i}", lambda: operations.call(op, bad.sample_input, literal)
    for info in module_db:
        if info.module_error_inputs_func and options.wants(info.module_cls.__name__):
            for training in (True, False):
                found = info.module_error_inputs_func(info, "cpu", torch.float32, False, training)
                for i, bad in enumerate(found):
                    yield f"{info.module_cls.__name__}_{i}", lambda: module_code(info, bad, training)


def module_code(info, bad, training):
    sample = bad.module_error_input
    made = joined(sample.constructor_input)
    code = f"nn.{info.module_cls.__name__}({made})" + ("" if training else ".eval()")
    if bad.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR:
        return code
    return f"{code}({joined(sample.forward_input)})"


def joined(given):
    kwargs = {k: v for k, v in given.kwargs.items() if (k, v) != ("dtype", torch.float32)}
    return ", ".join(sum(arguments(given.args, kwargs, NAMES, literal), []))


def error_of(code):
    try:
        evaluate(code, {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "math": math})
    except (TypeError, AttributeError, NameError, SyntaxError) as e:
        raise Skipped(f"a {type(e).__name__}: Python's own") from e
    except Exception as e:
        return f"{type(e).__name__}: {e}"
    raise Skipped("no error")
