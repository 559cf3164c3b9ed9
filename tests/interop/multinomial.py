"""Writes what PyTorch's multinomial draws: crates/core/tests/multinomial.json.

    python tests/interop/multinomial.py crates/core/tests/multinomial.json

Each case starts with `torch.manual_seed(seed)`; the weights are `torch.rand(shape, dtype=dtype)`, where
`zeros` is set with those below 0.25 set to zero, and where `transposed` is set as the transpose of such
a matrix. It has the positions (`out`, row by row) and the generator's next number.
"""

import itertools
import json
import sys

import torch


def case(seed, shape, dtype, zeros, transposed, num_samples, replacement):
    torch.manual_seed(seed)
    weights = torch.rand(shape, dtype=getattr(torch, dtype))
    if zeros:
        weights = torch.where(weights < 0.25, torch.zeros_like(weights), weights)
    if transposed:
        weights = weights.t()
    if not replacement and (weights > 0).sum(-1).min() < num_samples:
        return None  # nobody says in which order what has no weight would come
    if weights.sum(-1).min() <= 0:
        return None
    out = torch.multinomial(weights, num_samples, replacement)
    return {
        "seed": seed,
        "shape": shape,
        "dtype": dtype,
        "zeros": zeros,
        "transposed": transposed,
        "num_samples": num_samples,
        "replacement": replacement,
        "out": out.flatten().tolist(),
        "next": torch.randint(1 << 27, ()).item(),
    }


ERRORS = [
    "torch.multinomial(torch.tensor(1.0), 1)",
    "torch.multinomial(torch.ones(1, 1, 1), 1)",
    "torch.multinomial(torch.tensor([1, 2]), 1)",
    "torch.multinomial(torch.ones(3), 0)",
    "torch.multinomial(torch.ones(3), 4)",
    "torch.multinomial(torch.zeros(3), 1)",
    "torch.multinomial(torch.zeros(3), 2)",
    "torch.multinomial(torch.zeros(3), 1, True)",
    "torch.multinomial(torch.zeros(3), 2, True)",
    "torch.multinomial(torch.ones(0), 2, True)",
    "torch.multinomial(torch.tensor([[1.0, 2.0], [0.0, 0.0]]), 1)",
    "torch.multinomial(torch.tensor([[1.0, 2.0], [0.0, 0.0]]), 2, True)",
    *(
        f"torch.multinomial(torch.tensor([1.0, {bad}]), {n}, {replacement})"
        for bad in ["-1.0", "torch.inf", "torch.nan"]
        for n, replacement in [(1, False), (2, False), (1, True), (2, True)]
    ),
]


def error(code):
    try:
        eval(code)
    except Exception as e:
        return {"code": code, "error": str(e)}
    return {"code": code, "error": None}


def main():
    cases = []
    shapes = [[1], [2], [7], [100], [1000], [20000], [1, 5], [3, 7], [40, 33], [2, 1000]]
    for shape, dtype, zeros, replacement in itertools.product(
        shapes, ["float32", "float64", "float16", "bfloat16"], [False, True], [False, True]
    ):
        for num_samples in [1, 2, 6, 33, 100]:
            half = dtype in ("float16", "bfloat16")
            if half and (not replacement or shape[-1] > 100):
                if num_samples > 1 or not replacement:
                    continue  # many quotients are equal
            if len(shape) == 2 and num_samples > 6:
                continue
            for transposed in [False, True] if 1 < len(shape) and shape[1] < 100 else [False]:
                made = case(num_samples, shape, dtype, zeros, transposed, num_samples, replacement)
                cases += [made] if made else []
    with open(sys.argv[1], "w") as file:
        file.write(f'{{"made_by": "torch {torch.__version__}", "cases": [\n')
        file.write(",\n".join(json.dumps(case, separators=(",", ":")) for case in cases))
        file.write('\n], "errors": [\n')
        file.write(",\n".join(json.dumps(error(code)) for code in ERRORS))
        file.write("\n]}\n")


if __name__ == "__main__":
    main()
