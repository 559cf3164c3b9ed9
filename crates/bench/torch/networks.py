"""S3 to S6 and S10: inference and training of networks."""

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from registry import op


def train_step(form, model, x, y, loss, **options):
    """A step of SGD; the words of the form say how."""
    if "channels_last" in form:
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(
        trained,
        1e-3,
        fused="fused" in form or None,
        foreach="foreach" in form or None,
        **options,
    )
    if "compile" in form:
        model = torch.compile(model)

    def step():
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()

    return step


def classifier_step(form, model, x, classes):
    y = torch.randint(0, classes, (x.shape[0],))
    return train_step(form, model, x, y, F.cross_entropy, momentum=0.9)


@op("eager", "foreach", "fused", "compile fused")
def mlp_train(form, batch, hidden):
    model = nn.Sequential(
        nn.Linear(784, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 10),
    )
    return classifier_step(form, model, torch.randn(batch, 784), 10)


@op("eager", "foreach", "fused", "compile fused")
def tiny_train(form):
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    return train_step(form, model, torch.randn(2, 4), torch.randn(2, 1), F.mse_loss)


def small_cnn(width):
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * 7 * 7, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


@op("eager", "fused", "channels_last fused", "compile fused", "compile channels_last fused")
def small_cnn_train(form, batch, width):
    return classifier_step(form, small_cnn(width), torch.randn(batch, 1, 28, 28), 10)


@op("eager", "channels_last", "compile", "compile channels_last")
def resnet18_inference(form, batch, side, fused):
    model = torchvision.models.resnet18(weights=None).eval()
    x = torch.randn(batch, 3, side, side)
    if fused:
        from torch.fx.experimental.optimization import fuse

        model = fuse(model)
    if "channels_last" in form:
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    if "compile" in form:
        model = torch.compile(model)

    def run():
        with torch.inference_mode():
            return model(x)

    return run


@op("eager", "fused", "channels_last fused", "compile fused", "compile channels_last fused")
def resnet18_train(form, batch, side, frozen):
    model = torchvision.models.resnet18(weights=None)
    if frozen:
        model.requires_grad_(False)
        model.fc.requires_grad_(True)
    return classifier_step(form, model, torch.randn(batch, 3, side, side), 1000)
