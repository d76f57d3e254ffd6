"""Filters of images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def blurred(image: Tensor, sigma: float) -> Tensor:
    """The image under a Gaussian of `sigma` pixels, repeated beyond its border."""
    reach = min(int(3 * sigma + 0.5), min(image.shape[-2:]) - 1)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1, device=image.device) ** 2) / (2 * sigma**2)).to(image)
    kernel = (kernel / kernel.sum()).expand(image.shape[1], 1, -1)
    padded = F.pad(image, [reach] * 4, mode="replicate")
    rows = F.conv2d(padded, kernel[..., None], groups=image.shape[1])
    return F.conv2d(rows, kernel[:, :, None], groups=image.shape[1])
