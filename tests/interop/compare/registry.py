"""The operations that cases are drawn for, by their names in the golden runner's registries."""
import pathlib
import re

SUPPORT = pathlib.Path(__file__).resolve().parents[2] / "support"
FILES = {
    "Tensor.": ["tensor_methods.rs", "tensor_in_place.rs", "shape_methods.rs", "index_fns.rs", "elementwise_fns.rs"],
    "torch.": ["torch_fns.rs", "shape_fns.rs"],
    "F.": ["nn_fns.rs", "loss_fns.rs", "norms.rs", "spatial.rs", "activation_fns.rs", "dimensional.rs"],
    "nn.": ["nn_classes.rs", "loss_classes.rs", "norms.rs", "spatial.rs", "activation_fns.rs", "dimensional.rs"],
}
# Names that compute nothing, or that other golden families are about.
NOT_DRAWN = {
    "Tensor.backward": "every case calls it",
    "Tensor.requires_grad_": "every case with gradients does the same",
    "torch.nn.Parameter": "modules hold them",
    "torch.manual_seed": "every case calls it",
    "torch.set_rng_state": "the family rng",
    "torch.from_numpy": "arrays are tensors in the runner",
    "nn.Sequential": "a container: the family modules",
    "nn.ModuleList": "a container: the family modules",
    "nn.ModuleDict": "a container: the family modules",
    "nn.ParameterList": "a container: the family modules",
    "nn.ParameterDict": "a container: the family modules",
}

builders = {}
weights = {}


def operation(*names, weight=1.0):
    """Says which operations a function draws cases of; `weight` is that of each."""
    def add(function):
        for name in names:
            assert name not in builders, name
            builders[name], weights[name] = function, weight
        return function
    return add


def registered():
    """Every name that the runner's registries know."""
    names = []
    for prefix, files in FILES.items():
        for file in files:
            text = (SUPPORT / file).read_text()
            for line in re.findall(r'^        ((?:"[\w.]+"(?: \| )?)+) =>', text, re.M):
                # Some files know functions and classes.
                found = re.findall(r'"([\w.]+)"', line)
                names += [prefix + n for n in found if prefix not in ("F.", "nn.") or (prefix == "nn.") == n[0].isupper()]
    operators = ["+", "-", "*", "/", "//", "%", "**", "@", "&", "|"]
    names += [f"operator {o}" for o in operators]
    names += [f"operator {o}" for o in ["unary -", "~", ">", ">=", "<", "<=", "==", "!="]]
    names += [f"operator {o}=" for o in ["+", "-", "*", "/", "**"]]
    names += ["index", "Tensor.T"]
    return sorted(set(names))


def called(name, receiver, *arguments):
    """`Tensor.f` as a method, `torch.f` as a function."""
    kind, function = name.split(".", 1)
    given = [str(a) for a in arguments if a not in (None, "")]
    if kind == "Tensor":
        return f"{receiver}.{function}({', '.join(given)})"
    return f"{kind}.{function}({', '.join([receiver, *given])})"
