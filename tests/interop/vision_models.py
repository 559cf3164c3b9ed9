"""Writes tests/golden/vision/models.json: what torchvision's models are for a seed.

    python tests/interop/vision_models.py tests/golden/vision/models.json

Needs torch and torchvision. `tests/golden/vision/README.md` says what the file holds.
"""
import hashlib
import json
import sys

import torch
import torchvision

# (model, arguments, seed, side of the square input images)
MODELS = [
    ("vgg11", {"num_classes": 10}, 0, 32),
    ("vgg11_bn", {"num_classes": 10}, 1, 32),
    ("vgg13", {"num_classes": 10, "init_weights": False}, 2, 32),
    ("vgg13_bn", {"num_classes": 10}, 3, 32),
    ("vgg16", {"num_classes": 10}, 4, 32),
    ("vgg16_bn", {"num_classes": 10, "dropout": 0.25}, 5, 32),
    ("vgg19", {"num_classes": 10}, 6, 32),
    ("vgg19_bn", {"num_classes": 10}, 7, 32),
    ("alexnet", {"num_classes": 10}, 0, 64),
    ("mobilenet_v2", {}, 0, 64),
    ("mobilenet_v2", {"num_classes": 10, "width_mult": 0.35, "dropout": 0.1}, 1, 64),
    ("densenet121", {"num_classes": 10, "drop_rate": 0.2}, 1, 64),
    ("squeezenet1_0", {"num_classes": 10}, 0, 64),
    ("squeezenet1_1", {"num_classes": 10}, 0, 64),
    ("resnext50_32x4d", {"num_classes": 10}, 0, 64),
    ("wide_resnet50_2", {"num_classes": 10}, 0, 64),
]
BATCH = 3
DTYPES = {torch.float32: "f32", torch.int64: "i64", torch.float64: "f64"}


def described(tensor):
    tensor = tensor.detach().contiguous()
    return {
        "dtype": DTYPES[tensor.dtype],
        "shape": list(tensor.shape),
        "sha256": hashlib.sha256(tensor.numpy().tobytes()).hexdigest(),
    }


def ramp(shape):
    index = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return ((index % 37 - 18) / 18).reshape(shape)


def norm(tensor):
    return tensor.detach().norm().item()


def build(name, kwargs, seed):
    torch.manual_seed(seed)
    return getattr(torchvision.models, name)(weights=None, **kwargs)


def case(name, kwargs, seed, side):
    model = build(name, kwargs, seed)
    outputs = {f"m.param:{n}": described(p) for n, p in model.named_parameters()}
    outputs |= {f"m.buffer:{n}": described(b) for n, b in model.named_buffers()}
    outputs["probe_u"] = described(torch.empty(2).uniform_())
    outputs["probe_n"] = described(torch.empty(1, dtype=torch.float64).normal_())

    model.double().eval()
    x = ramp([BATCH, 3, side, side])
    with torch.no_grad():
        logits = model(x)
    model.train()
    torch.manual_seed(seed)
    labels = torch.arange(BATCH) % logits.shape[1]
    loss = torch.nn.functional.cross_entropy(model(x), labels)
    loss.backward()
    arguments = "".join(f"_{k}{v}" for k, v in kwargs.items() if k != "num_classes")
    print(name, arguments, loss.item(), file=sys.stderr)
    return {
        "id": f"vision/{name}{arguments}/s{seed}",
        "compare": "bits",
        "ops": [
            {"op": "manual_seed", "seed": seed},
            {"op": "torchvision", "model": name, "kwargs": kwargs, "out": "m"},
            {"op": "uniform_", "shape": [2], "dtype": "f32", "out": "probe_u"},
            {"op": "normal_", "shape": [1], "dtype": "f64", "out": "probe_n"},
        ],
        "outputs": outputs,
        "warnings": [],
        "text": str(model),
        "state_dict": list(model.state_dict()),
        "input": list(x.shape),
        "eval_logits": logits.flatten().tolist(),
        "train_loss": loss.item(),
        "grad_norms": [norm(p.grad) for p in model.parameters()],
        "buffer_norms": [norm(b) for b in model.buffers() if b.is_floating_point()],
    }


def main():
    torch.set_num_threads(1)
    file = {
        "note": f"torch {torch.__version__}, torchvision {torchvision.__version__}",
        "tolerance": 1e-7,
        "cases": [case(*m) for m in MODELS],
    }
    with open(sys.argv[1], "w") as out:
        json.dump(file, out, separators=(",", ":"))
        out.write("\n")


main()
