"""Photos as images at their own size, for recipes that repaint a photo rather than ask what the network sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...network import Network
from .objectives import Size
from .options import LARGEST, count, precision, seen_images


def photo_images(network: Network, images: Any, longest: int | None = None) -> Tensor:
    """Photos of one size, or the network's input, as (N, 3, H, W) in [0, 1], no side above `longest`.

    Nothing is cropped. Raises ValueError for photos of several sizes.
    """
    if isinstance(images, Tensor):
        pixels = seen_images(network, images)
    else:
        photos: Sequence[Any] = list(images) if isinstance(images, (list, tuple)) else [images]
        if not photos or not all(hasattr(photo, "pixels") for photo in photos):
            raise TypeError("images are photos (phosphene.read opens them) or a tensor that is the network's input")
        sizes = {(photo.height, photo.width) for photo in photos}
        if len(sizes) > 1:
            text = ", ".join(f"{height} × {width}" for height, width in sorted(sizes))
            raise ValueError(f"photos of one batch have one size, not {text}; give them one by one")
        stack = torch.stack([torch.tensor(photo.pixels).permute(2, 0, 1) for photo in photos])
        pixels = stack.to(network.device, precision(network)) / 255
    return resized(pixels, within(pixels, LARGEST if longest is None else count(longest, "size")))


def within(images: Tensor, longest: int) -> Size:
    """The images' (height, width), made smaller in proportion where a side is above `longest`."""
    height, width = images.shape[-2:]
    factor = min(1.0, longest / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def resized(images: Tensor, size: Size) -> Tensor:
    """The images at another size, smooth both ways, in [0, 1] where they were."""
    if tuple(images.shape[-2:]) == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)
