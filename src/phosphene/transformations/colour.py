"""Colours of images, changed at equal luma.

Y = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601, on the coded values that networks see)
U = 0.492 (B - Y),  V = 0.877 (R - Y)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
U, V = 0.492111, 0.877283  # of B - Y and R - Y


def luma(image: Tensor) -> Tensor:
    """(N, 1, H, W) of (N, 3, H, W)."""
    return (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def grey(image: Tensor) -> Tensor:
    """The image with its luma in every channel."""
    return luma(image).clamp(0, 1).expand_as(image)


def hue_turned(image: Tensor, degrees: float) -> Tensor:
    """The image (N, 3, H, W) in [0, 1] with all hues turned, its luma as it was, paled where it would leave [0, 1]."""
    y = luma(image)
    u, v = U * (image[:, 2:] - y), V * (image[:, :1] - y)
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    u, v = cosine * u - sine * v, sine * u + cosine * v
    red, blue = v / V, u / U  # each less the luma
    green = -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1]
    away = torch.cat([red, green, blue], 1)
    room = torch.where(away > 0, 1 - y, y) / away.abs().clamp(min=torch.finfo(away.dtype).tiny)
    return (y + away * room.amin(1, keepdim=True).clamp(0, 1)).clamp(0, 1)
