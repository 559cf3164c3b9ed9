"""Layers that move or resample pixels."""
from .rows import Module, randn

CASES = [
    Module("PixelShuffle", {"upscale_factor": 2}, x=randn(2, 8, 3, 4)),
]
