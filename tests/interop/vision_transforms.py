"""Writes tests/golden/vision/transforms.json: what torchvision's transforms make of images.

    python tests/interop/vision_transforms.py tests/golden/vision/transforms.json

Needs torch, torchvision and Pillow. `tests/golden/vision/README.md` says what the file holds.
"""
import json
import sys

import numpy
import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms as T


def pixels(channels, height, width):
    """The image of every case: channels last, as PIL has it."""
    c, y, x = numpy.ogrid[:channels, :height, :width]
    return ((c * 71 + y * 29 + x * 53 + x * y * 7) % 256).astype(numpy.uint8)


# (transform, arguments, channels, height, width, seed)
PIL_CASES = [
    ("Resize", {"size": [16, 12]}, 3, 23, 17, 0),
    ("Resize", {"size": [40, 31]}, 3, 13, 17, 0),
    ("Resize", {"size": [7, 30]}, 3, 23, 17, 0),
    ("Resize", {"size": 9}, 3, 23, 17, 0),
    ("Resize", {"size": 9}, 3, 10, 31, 0),
    ("Resize", {"size": 32}, 1, 28, 28, 0),
    ("Resize", {"size": [3, 2]}, 1, 28, 28, 0),
    ("Resize", {"size": [1, 1]}, 3, 5, 4, 0),
    ("Resize", {"size": [23, 40]}, 3, 23, 17, 0),
    ("Resize", {"size": [12, 16]}, 3, 20, 20, 0),
    ("Resize", {"size": [11, 16]}, 3, 20, 20, 0),
    ("Resize", {"size": [9, 26]}, 1, 21, 20, 0),
    ("Resize", {"size": 17}, 3, 23, 17, 0),
    ("CenterCrop", {"size": 8}, 3, 23, 17, 0),
    ("CenterCrop", {"size": [9, 12]}, 3, 12, 17, 0),
    ("CenterCrop", {"size": [30, 10]}, 3, 23, 17, 0),
    ("RandomCrop", {"size": 8}, 3, 23, 17, 0),
    ("RandomCrop", {"size": [10, 17]}, 3, 10, 17, 1),
    ("RandomCrop", {"size": 28, "padding": 4}, 1, 28, 28, 2),
    ("RandomCrop", {"size": [20, 30], "pad_if_needed": True}, 3, 12, 17, 3),
    ("RandomHorizontalFlip", {"p": 0.5}, 3, 5, 7, 0),
    ("RandomHorizontalFlip", {"p": 0.5}, 3, 5, 7, 1),
    ("RandomHorizontalFlip", {"p": 1.0}, 1, 5, 4, 2),
    ("Grayscale", {"num_output_channels": 1}, 3, 9, 8, 0),
    ("Grayscale", {"num_output_channels": 3}, 3, 9, 8, 0),
    ("Grayscale", {"num_output_channels": 3}, 1, 9, 8, 0),
    ("ColorJitter", {"brightness": 0.5}, 3, 9, 8, 0),
    ("ColorJitter", {"brightness": 0.5}, 3, 9, 8, 1),
    ("ColorJitter", {"contrast": 0.8}, 3, 9, 8, 0),
    ("ColorJitter", {"contrast": 0.8}, 1, 9, 8, 1),
    ("ColorJitter", {"saturation": [0.2, 1.9]}, 3, 9, 8, 0),
    ("ColorJitter", {"saturation": 0.9}, 3, 9, 8, 3),
    ("ColorJitter", {"hue": 0.4}, 3, 16, 16, 0),
    ("ColorJitter", {"hue": [-0.5, -0.1]}, 3, 16, 16, 1),
    ("ColorJitter", {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}, 3, 16, 16, 0),
    ("ColorJitter", {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}, 3, 16, 16, 5),
    ("ColorJitter", {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}, 1, 16, 16, 5),
]
# The same on the tensor that ToTensor makes.
TENSOR_CASES = [
    ("ToTensor", {}, 3, 5, 4, 0),
    ("ToTensor", {}, 1, 5, 4, 0),
    ("Normalize", {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}, 3, 5, 4, 0),
    ("Normalize", {"mean": [0.1307], "std": [0.3081]}, 1, 5, 4, 0),
    ("Resize", {"size": [16, 12]}, 3, 23, 17, 0),
    ("Resize", {"size": [30, 31]}, 1, 13, 17, 0),
    ("Resize", {"size": 9}, 3, 10, 31, 0),
    ("CenterCrop", {"size": [30, 10]}, 3, 23, 17, 0),
    ("RandomCrop", {"size": 20, "padding": 3}, 3, 23, 19, 1),
    ("RandomHorizontalFlip", {"p": 0.5}, 3, 5, 7, 1),
]


def case(name, arguments, channels, height, width, seed, tensor):
    array = pixels(channels, height, width)
    image = Image.fromarray(array[0] if channels == 1 else array.transpose(1, 2, 0).copy())
    transform = getattr(T, name)(**arguments)
    if tensor and name != "ToTensor":
        image = T.ToTensor()(image)
    torch.manual_seed(seed)
    out = transform(image)
    probe = torch.rand(2).tolist()
    if not isinstance(out, torch.Tensor):
        out = torch.from_numpy(numpy.asarray(out).copy())
        out = out.unsqueeze(0) if out.dim() == 2 else out.permute(2, 0, 1)
    return {
        "transform": name,
        "arguments": arguments,
        "image": [channels, height, width],
        "float": tensor and name != "ToTensor",
        "seed": seed,
        "shape": list(out.shape),
        "values": out.flatten().tolist(),
        "probe": probe,
    }


def main():
    file = {
        "note": f"torchvision {torchvision.__version__}, Pillow {PIL.__version__}",
        "tolerance": 1e-6,
        "cases": [case(*c, False) for c in PIL_CASES] + [case(*c, True) for c in TENSOR_CASES],
    }
    with open(sys.argv[1], "w") as out:
        json.dump(file, out, separators=(",", ":"))
        out.write("\n")


main()
