"""S11: loading ResNet-18 from a file.

A memory-mapped file is read when its tensors are used, so one byte of every page is used here.
"""

import safetensors.torch
import torch
import torchvision

from registry import op

PAGE = 4096


def read(form, path):
    """The state dict; form is a function, and "mmap" if it is to map the file."""
    if form == "load_file":
        return safetensors.torch.load_file(path)
    return torch.load(path, weights_only=True, mmap="mmap" in form)


def load(form, path, model):
    model.load_state_dict(read(form, path))


def touched(state):
    for tensor in state.values():
        tensor.reshape(-1).view(torch.uint8)[::PAGE].sum()
    return state


def loaded(form, path):
    model = torchvision.models.resnet18(weights=None)
    return lambda: load(form, path, model)


@op("load", "load mmap")
def read_pth(form, path):
    if form == "load":
        return lambda: read(form, path)
    return lambda: touched(read(form, path))


@op("load_file")
def read_safetensors(form, path):
    return lambda: touched(read(form, path))


@op("load", "load mmap")
def load_pth(form, path):
    return loaded(form, path)


@op("load_file")
def load_safetensors(form, path):
    return loaded(form, path)
