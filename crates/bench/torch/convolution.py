"""S7 and S7b: single convolutions."""

import torch
import torch.nn.functional as F

from registry import op


@op("eager", "channels_last")
def conv2d(
    form, batch, cin, cout, kernel, stride, padding, groups, side, backward, input_grad
):
    x = torch.randn(batch, cin, side, side)
    w = torch.randn(cout, cin // groups, kernel, kernel)
    if form == "channels_last":
        x = x.to(memory_format=torch.channels_last)
        w = w.to(memory_format=torch.channels_last)

    def forward():
        return F.conv2d(x, w, None, stride, padding, 1, groups)

    def inference():
        with torch.inference_mode():
            return forward()

    if not backward:
        return inference
    x.requires_grad_(input_grad)
    w.requires_grad_(True)
    grad = torch.ones_like(forward())

    def both():
        x.grad = w.grad = None
        forward().backward(grad)

    return both
