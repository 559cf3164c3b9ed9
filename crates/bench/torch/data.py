"""S13: a pass over a folder of JPEG files, as networks are trained on it."""

import torch
from torchvision import datasets, transforms

from registry import op


@op("loader", "loader persistent")
def read_jpeg(form, path, batch, workers):
    transform = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.RandomCrop(224),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    loader = torch.utils.data.DataLoader(
        datasets.ImageFolder(path, transform),
        batch_size=batch,
        shuffle=True,
        num_workers=workers,
        persistent_workers="persistent" in form and workers > 0,
    )

    def run():
        for _ in loader:
            pass

    return run
