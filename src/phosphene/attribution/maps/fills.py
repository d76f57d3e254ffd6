"""Fill values for occluded pixels: below a window or a mask, and at the start of a path."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from ...transformations import blurred

Fill = Literal["mean", "zero", "blur", "noise"]


def fill_values_of(image: Tensor, fill: Any, index: int, what: str = "a window is filled with") -> Tensor:
    """A cover as large as the image (1, C, H, W): of that name, or given as a tensor, one for all images or one each.

    `index` is the image's number among several. ValueError for a name or a shape that does not fit.
    """
    if isinstance(fill, Tensor):
        tensor = fill if fill.ndim == 4 else fill[None] if fill.ndim == 3 else fill.reshape(1, -1, 1, 1)
        tensor = tensor[index : index + 1] if len(tensor) > 1 else tensor
        try:
            return tensor.to(image).expand_as(image)
        except RuntimeError:
            shapes = tuple(fill.shape), tuple(image.shape)
            raise ValueError(f"a fill of shape {shapes[0]} does not cover an image of shape {shapes[1]}") from None
    mean = image.mean((2, 3), keepdim=True)
    if fill == "mean":
        return mean.expand_as(image)
    if fill == "zero":
        return torch.zeros_like(image)
    if fill == "noise":
        noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0)).to(image)
        return mean + image.std((2, 3), keepdim=True) * noise
    if fill == "blur":
        return blurred(image, min(image.shape[-2:]) / 16)
    raise ValueError(f"{what} mean, zero, blur, noise or a tensor, not {fill!r}")


def check_count(fill: Any, count: int) -> None:
    """ValueError for a batch of covers that is neither one for all images nor one each."""
    if isinstance(fill, Tensor) and fill.ndim == 4 and len(fill) not in (1, count):
        raise ValueError(f"{len(fill)} fills don't fit {count} images; give one for all, or one each")
