"""Parameters that are computed of others, and masks on parameters."""
import torch
import torch.nn.utils.prune

from .rows import Op, randn

P = "torch.nn.utils.parametrizations."
Z = "torch.nn.utils.parametrize."
R = "torch.nn.utils.prune."


def plain(*shape):
    return randn(*shape).detach()


def norm(function, layer, x, args="", originals=(".original0", ".original1"), more=""):
    code = f"m = {P}{function}({layer}{args})\n{more}y = m(x)\n"
    values = [f"m.parametrizations.weight{o}" for o in originals]
    return Op(function, code + f"(y, m.weight, {', '.join(values)})", x=randn(*x))


def steps(function, layer, args=""):
    """Two steps of an optimizer that has what the module lists."""
    step = "o.zero_grad()\nm(x).pow(2).sum().backward()\no.step()\n"
    return Op(function, f"""m = {P}{function}({layer}{args})
o = torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9)
{step}{step}{Z}remove_parametrizations(m, 'weight')
(m.weight, m.bias)""", x=plain(4, 3))


LAYERS = [("nn.Linear(3, 4)", (2, 3)), ("nn.Conv2d(2, 4, 3)", (1, 2, 5, 5)), ("nn.ConvTranspose1d(2, 3, 2)", (2, 2, 4))]
UV = (".original", "[0]._u", "[0]._v")


def pruned(function, args, layer="nn.Linear(6, 4)", x=(2, 6), before="", more=""):
    code = f"m = {layer}\n{before}{R}{function}(m, 'weight'{args})\n{more}(m(x), m.weight, m.weight_orig, m.weight_mask)"
    return Op(function, code, x=randn(*x))


CASES = [
    *(norm("weight_norm", layer, x, dim) for layer, x in LAYERS for dim in ("", ", dim=1", ", dim=None", ", 'weight', -1")),
    norm("weight_norm", "nn.Linear(3, 4)", (2, 3), ", dim=-2", more="m.double().float()\n"),
    Op("weight_norm", f"m = {P}weight_norm(nn.Linear(3, 4), 'bias')\n(m(x), m.bias, m.parametrizations.bias.original0)", x=randn(2, 3)),
    Op("weight_norm", f"m = {P}weight_norm({P}weight_norm(nn.Linear(3, 4)), 'bias', None)\n(m(x), m.parametrizations.bias.original1)", x=randn(2, 3)),
    Op("weight_norm", f"m = {P}weight_norm(nn.Linear(3, 4))\nm.load_state_dict(dict(weight_g=g, weight_v=v, bias=b))\n(m(x), m.weight)", x=randn(2, 3), g=plain(4, 1), v=plain(4, 3), b=plain(4)),
    Op("weight_norm", f"m = nn.Sequential({P}weight_norm(nn.Linear(3, 4)))\nd = m.state_dict()\nm[0].weight = w\n(m(x), m[0].parametrizations.weight.original0)", x=randn(2, 3), w=plain(4, 3)),
    steps("weight_norm", "nn.Linear(3, 4)"), steps("spectral_norm", "nn.Linear(3, 4)"), steps("spectral_norm", "nn.Linear(3, 4)", ", n_power_iterations=3"),
    *(norm("spectral_norm", layer, x, args, UV) for layer, x in LAYERS for args in ("", ", n_power_iterations=2, eps=1e-3", ", dim=1")),
    norm("spectral_norm", "nn.Linear(3, 4)", (2, 3), originals=UV, more="m.eval()\n"),
    Op("spectral_norm", f"m = {P}spectral_norm(nn.Linear(3, 4))\na = m(x)\nb = m(x)\nw = m.weight\ns = list(m.state_dict().values())\n(a, b, w, s[2], s[3])", x=randn(2, 3)),
    Op("spectral_norm", f"m = {P}spectral_norm(nn.Linear(3, 4), 'bias')\n(m(x), m.bias)", x=randn(2, 3)),
    Op("spectral_norm", f"m = {P}spectral_norm(nn.Linear(3, 4))\nm.weight = w\n(m(x), m.parametrizations.weight.original)", x=randn(2, 3), w=plain(4, 3)),
    *(
        norm("orthogonal", layer, x, f", orthogonal_map='{how}'{triv}", (".original", *["[0].base"] * (not triv)))
        for layer, x in [("nn.Linear(3, 3)", (2, 3)), ("nn.Linear(3, 5)", (2, 3)), ("nn.Linear(5, 3)", (2, 5)), ("nn.Conv1d(2, 2, 3)", (1, 2, 4))]
        for how in ("matrix_exp", "cayley", "householder")
        for triv in ("", ", use_trivialization=False")
    ),
    *(
        Op("orthogonal", f"m = {P}orthogonal({layer}{args})\nm.parametrizations.weight.original.data.add_(d)\n(m(x), m.weight, m.parametrizations.weight.original)", x=randn(2, n), d=plain(*d))
        for layer, n, d in [("nn.Linear(3, 3)", 3, (3, 3)), ("nn.Linear(3, 5)", 3, (5, 3)), ("nn.Linear(5, 3)", 5, (3, 5))]
        for args in ("", ", orthogonal_map='cayley'", ", orthogonal_map='matrix_exp'")
    ),
    Op("orthogonal", f"m = nn.Linear(4, 4)\nnn.init.orthogonal_(m.weight)\n{P}orthogonal(m)\n(m(x), m.parametrizations.weight.original, m.parametrizations.weight[0].base)", x=randn(2, 4)),
    Op("orthogonal", f"m = {P}orthogonal(nn.Linear(4, 3))\nm.weight = w\n(m(x), m.weight, torch.rand(2))", x=randn(2, 4), w=plain(3, 4)),
    steps("orthogonal", "nn.Linear(3, 4)"), steps("orthogonal", "nn.Linear(3, 4)", ", orthogonal_map='cayley'"),
    *(
        Op("register_parametrization", f"m = nn.Linear(3, 4)\n{Z}register_parametrization(m, 'weight', nn.Softplus())\n{more}\n(m(x), m.weight, m.bias)", x=randn(2, 3))
        for more in ["", f"{Z}register_parametrization(m, 'weight', nn.SiLU())", f"{Z}register_parametrization(m, 'bias', nn.SiLU())",
                     f"{P}spectral_norm(m)", f"{Z}remove_parametrizations(m, 'weight')", f"{Z}remove_parametrizations(m, 'weight', leave_parametrized=False)",
                     f"{Z}remove_parametrizations(m, 'weight')\n{Z}register_parametrization(m, 'weight', nn.SiLU())",
                     "m.requires_grad_(False)"]
    ),
    Op("register_parametrization", f"m = nn.Linear(3, 3)\n{Z}register_parametrization(m, 'weight', nn.Linear(3, 3))\n(m(x), m.weight, *m.parameters())", x=randn(2, 3)),
    Op("register_parametrization", f"m = nn.Linear(4, 3)\n{Z}register_parametrization(m, 'weight', nn.Linear(4, 5), unsafe=True)\n(m(x), m.weight, *m.parameters())", x=randn(2, 5)),
    Op("is_parametrized", f"m = nn.Linear(3, 4)\na = {Z}is_parametrized(m)\n{P}weight_norm(m)\nb = [{Z}is_parametrized(m), {Z}is_parametrized(m, 'bias'), {Z}is_parametrized(m, 'weight')]\n{Z}remove_parametrizations(m, 'weight')\ntorch.tensor([a, *b, {Z}is_parametrized(m)])"),
    *(pruned("random_unstructured", a) for a in (", 5", ", amount=0.3", ", 0", ", 1.0")),
    *(pruned("l1_unstructured", a) for a in (", 5", ", amount=0.3", ", 0.0", ", 24")),
    Op("l1_unstructured", f"m = nn.Linear(6, 4)\n{R}l1_unstructured(m, 'weight', 7, importance_scores=s)\n(m(x), m.weight_mask)", x=randn(2, 6), s=plain(4, 6)),
    *(pruned("random_structured", a, layer, x) for a, layer, x in [(", 2, 0", "nn.Linear(6, 4)", (2, 6)), (", 0.5, dim=1", "nn.Linear(6, 4)", (2, 6)),
                                                                   (", 1, -1", "nn.Conv2d(2, 4, 3)", (1, 2, 5, 5)), (", 0, 0", "nn.Conv1d(2, 4, 3)", (1, 2, 5))]),
    *(pruned("ln_structured", a, layer, x) for a, layer, x in [(", 2, 2, 0", "nn.Linear(6, 4)", (2, 6)), (", amount=0.5, n=1, dim=1", "nn.Linear(6, 4)", (2, 6)),
                                                               (", 1, math.inf, -1", "nn.Conv2d(2, 4, 3)", (1, 2, 5, 5)), (", 3, 2, 0", "nn.Conv1d(2, 4, 3)", (1, 2, 5))]),
    *(pruned("custom_from_mask", f", {m}") for m in ("torch.eye(4, 6)", "torch.ones(4, 6)", "torch.zeros(4, 6)", "mask=torch.eye(4, 6) * 0.5")),
    *(pruned("identity", "", layer, x) for layer, x in [("nn.Linear(6, 4)", (2, 6)), *LAYERS]),
    *(
        pruned("l1_unstructured", ", 0.5", before=f"{R}{b}\n")
        for b in ["random_unstructured(m, 'weight', 5)", "l1_unstructured(m, 'weight', 0.25)", "ln_structured(m, 'weight', 1, 2, 0)", "identity(m, 'weight')",
                  "custom_from_mask(m, 'weight', torch.eye(4, 6) * 0.5)"]
    ),
    *(
        pruned("ln_structured", ", 0.5, 2, 0", before=f"{R}{b}\n")
        for b in ["random_unstructured(m, 'weight', 5)", "ln_structured(m, 'weight', 1, 2, 0)", "random_structured(m, 'weight', 2, 1)"]
    ),
    pruned("random_structured", ", 1, 0", before=f"{R}ln_structured(m, 'weight', 1, 2, 0)\n"),
    pruned("random_unstructured", ", 4", before=f"{R}l1_unstructured(m, 'weight', 10)\n"),
    pruned("custom_from_mask", ", torch.eye(4, 6)", before=f"{R}l1_unstructured(m, 'weight', 10)\n"),
    pruned("identity", "", before=f"{R}l1_unstructured(m, 'weight', 10)\n"),
    *(
        Op("global_unstructured", f"m = nn.Sequential(nn.Linear(6, 4), nn.SiLU(), nn.Linear(4, 3))\n{before}{R}global_unstructured([(m[0], 'weight'), (m[2], 'weight'), (m[2], 'bias')], pruning_method={R}{method}, amount={amount})\n(m(x), m[0].weight_mask, m[2].weight_mask, m[2].bias_mask)", x=randn(2, 6))
        for before, method, amount in [("", "L1Unstructured", 10), ("", "L1Unstructured", 0.4), ("", "RandomUnstructured", 0.5), (f"{R}l1_unstructured(m[0], 'weight', 9)\n", "L1Unstructured", 0.5)]
    ),
    *(
        Op("prune.remove", f"m = nn.Linear(6, 4)\n{R}{f}\n{R}remove(m, 'weight')\n{more}(m(x), m.weight)", x=randn(2, 6))
        for f, more in [("l1_unstructured(m, 'weight', 10)", ""), ("random_structured(m, 'weight', 1, 0)", ""), ("identity(m, 'weight')", ""),
                        ("l1_unstructured(m, 'weight', 10)", f"{R}l1_unstructured(m, 'weight', 12)\n")]
    ),
    Op("is_pruned", f"m = nn.Sequential(nn.Linear(6, 4))\na = {R}is_pruned(m)\n{R}identity(m[0], 'bias')\nb = {R}is_pruned(m)\n{R}remove(m[0], 'bias')\ntorch.tensor([a, b, {R}is_pruned(m)])"),
    Op("prune", f"m = nn.Linear(6, 4)\no = torch.optim.SGD(m.parameters(), lr=0.1)\n{R}l1_unstructured(m, 'weight', 10)\nm(x).pow(2).sum().backward()\no.step()\n(m(x), m.weight, *m.state_dict().values())", x=plain(2, 6)),
]
