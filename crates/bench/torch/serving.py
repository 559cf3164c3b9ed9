"""S12: one model that many threads ask at the same time, an image each."""

import threading

import torch
import torchvision

from networks import small_cnn
from registry import op


def serve(model, x, clients, requests):
    model.eval()

    def client():
        with torch.inference_mode():
            for _ in range(requests):
                model(x)

    def run():
        threads = [threading.Thread(target=client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return run


@op("eager")
def serve_small_cnn(form, width, clients, requests):
    return serve(small_cnn(width), torch.randn(1, 1, 28, 28), clients, requests)


@op("eager")
def serve_resnet18(form, side, clients, requests):
    model = torchvision.models.resnet18(weights=None)
    return serve(model, torch.randn(1, 3, side, side), clients, requests)
