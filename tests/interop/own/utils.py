"""Gradients clipped, parameters as vectors, fused layers, layers without initial values, values computed again."""
import torch

from .rows import Op, randn

LINEAR = "m = nn.Linear(3, 4)\nm(x).pow(2).sum().backward()\n"
NETS = {
    "tanh": "nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 4), nn.SiLU(), nn.Linear(4, 2))",
    "dropout": "nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 4), nn.Dropout(0.3), nn.Linear(4, 2))",
}
NORM_1 = "bn = nn.BatchNorm1d(4, eps=0.1)\nbn(F.linear(x, torch.ones(4, x.shape[-1])))\nbn.eval()\n"


def plain(*shape):
    return randn(*shape).detach()


def norm(d):
    size = ", ".join(["3", "4", "5", "5", "5"][: d + 2])
    return f"bn = nn.BatchNorm{d}d(4, eps=0.1)\nbn(torch.randn({size}))\nbn.weight.data.uniform_(0.5, 2)\nbn.bias.data.normal_()\nbn.eval()\n"


def after(total="total"):
    return f"({total}, m.weight.grad, m.bias.grad)"


CASES = [
    *(
        Op("clip_grad_norm_", f"{LINEAR}total = torch.nn.utils.clip_grad_norm_(m.parameters(), {args})\n{after()}", x=plain(5, 3))
        for args in ["1.0", "1000.0", "2.0, norm_type=1", "0.5, norm_type=math.inf", "0.3, norm_type=3.5", "0.2, norm_type=-math.inf",
                     "3.0, norm_type=0.0", "1.0, error_if_nonfinite=True"]
    ),
    Op("clip_grad_norm_", "p = nn.Linear(3, 4).parameters()\ntorch.nn.utils.clip_grad_norm_(p, 1.0)"),
    *(
        Op("clip_grad_value_", f"{LINEAR}torch.nn.utils.clip_grad_value_(m.parameters(), {v})\n(m.weight.grad, m.bias.grad)", x=plain(5, 3))
        for v in ["0.5", "1000.0", "0.0", "2"]
    ),
    *(
        Op("clip_grads_with_norm_", f"{LINEAR}torch.nn.utils.clip_grads_with_norm_(m.parameters(), {n}, n)\n(m.weight.grad, m.bias.grad)", x=plain(5, 3), n=torch.tensor(t))
        for n, t in [(1.0, 4.0), (1.0, 0.5), (2.0, float("inf")), (0.0, 1.0)]
    ),
    *(
        Op("get_total_norm", f"torch.nn.utils.get_total_norm([a, b]{t})", a=plain(3, 4), b=plain(5))
        for t in ["", ", 1.0", ", math.inf", ", 3.0, True"]
    ),
    Op("get_total_norm", "torch.nn.utils.get_total_norm([])"),
    Op("parameters_to_vector", "m = nn.Linear(3, 4)\ntorch.nn.utils.parameters_to_vector(m.parameters())"),
    Op("parameters_to_vector", "m = nn.Linear(3, 4)\n(torch.nn.utils.parameters_to_vector(m.parameters()) ** 2).sum().backward()\n(m.weight.grad, m.bias.grad)"),
    Op("parameters_to_vector", "m = nn.Conv2d(2, 3, 2, bias=False)\ntorch.nn.utils.parameters_to_vector(m.parameters()) * v", v=randn(24)),
    Op("parameters_to_vector", "m = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))\ntorch.nn.utils.parameters_to_vector(m.parameters())"),
    *(
        Op("vector_to_parameters", f"m = {m}\ntorch.nn.utils.vector_to_parameters(v, m.parameters())\n(m(x), torch.nn.utils.parameters_to_vector(m.parameters()))", v=plain(n), x=plain(*x))
        for m, n, x in [("nn.Linear(3, 4)", 16, (2, 3)), ("nn.Linear(3, 4)", 20, (2, 3)), ("nn.Linear(3, 4, bias=False)", 12, (3,)),
                        ("nn.Conv1d(2, 3, 2)", 15, (1, 2, 5))]
    ),
    *(
        Op("skip_init", f"m = torch.nn.utils.skip_init({m})\nm.weight.data.fill_(0.5)\n(m.weight, torch.rand(3))")
        for m in ["nn.Linear, 3, 4, bias=False", "nn.Linear, 3, out_features=2", "nn.Conv2d, 2, 3, 2", "nn.BatchNorm1d, 3"]
    ),
    *(
        Op("fuse_conv_bn_eval", f"{norm(d)}c = {conv}\nc.eval()\nf = torch.nn.utils.fusion.fuse_conv_bn_eval(c, bn{t})\n(f(x), f.weight.data, f.bias.data)", x=randn(2, 2, 5, 5, 5)[..., 0][..., 0].detach() if d == 1 else plain(*(2, 2, 5, 5, 5)[: d + 2]))
        for d, conv, t in [(1, "nn.Conv1d(2, 4, 2)", ""), (2, "nn.Conv2d(2, 4, 3, padding=1, bias=False)", ""), (3, "nn.Conv3d(2, 4, 2, groups=2)", ""),
                           (2, "nn.ConvTranspose2d(2, 4, 2, stride=2)", ", True"), (1, "nn.ConvTranspose1d(2, 4, 3, bias=False)", ", transpose=True")]
    ),
    *(
        Op("fuse_linear_bn_eval", f"{norm(1)[:-1].replace('(3, 4, 5)', '(6, 4)')}\nc = {linear}\nc.eval()\nf = torch.nn.utils.fusion.fuse_linear_bn_eval(c, bn)\n(f(x), f.weight.data, f.bias.data)", x=plain(*x))
        for linear, x in [("nn.Linear(3, 4)", (2, 3)), ("nn.Linear(3, 4, bias=False)", (2, 3)), ("nn.Linear(1, 4)", (5, 1)), ("nn.Linear(3, 4)", (1, 3))]
    ),
    *(
        Op("checkpoint", f"m = {NETS[net]}\ny = torch.utils.checkpoint.checkpoint(m, x, use_reentrant=False)\n(y, m[0].weight, m[0].bias)", x=randn(5, 3))
        for net in NETS
    ),
    *(
        Op("checkpoint", f"m = {NETS[net]}\ny = torch.utils.checkpoint.checkpoint(m, x, use_reentrant=False)\ny.sum().backward()\n(m[0].weight.grad, m[0].bias.grad, m[3].weight.grad, torch.rand(3))" if net == "dropout" else
           f"m = {NETS[net]}\ny = torch.utils.checkpoint.checkpoint(m, torch.utils.checkpoint.checkpoint(m[0], x, use_reentrant=False)[:, :3], use_reentrant=False)\ny.pow(2).sum().backward()\n(m[0].weight.grad, m[2].weight.grad, m[4].bias.grad)", x=plain(5, 3))
        for net in NETS
    ),
    *(
        Op("checkpoint_sequential", f"m = {NETS[net]}\ny = torch.utils.checkpoint.checkpoint_sequential(m, {n}, x, use_reentrant=False)\ny.sum().backward()\n(y.detach(), m[0].weight.grad, m[0].bias.grad)", x=plain(5, 3))
        for net in NETS
        for n in (1, 2, 3)
    ),
]
