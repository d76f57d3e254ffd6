"""Augmentation: small changes of a photo that leave its class, another one each time that it is learned from.

    photo      a random part of 60 to 100 % of the area, mirrored half of the time, brightness, contrast and colour
    drawing    moved by up to 5 % of the side, turned by up to 10 degrees, 90 to 110 % as large; never mirrored, which
               would make another letter or digit of some
    none       the photo as the network sees it

Made of `torchvision.transforms.v2`. Random numbers come from PyTorch's generator, which the loop seeds for every step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

Kind = Literal["photo", "drawing", "none"]
KINDS: tuple[str, ...] = get_args(Kind)
MARGIN = 8 / 7  # a photo is kept larger than the network's input by this, as 256 to 224, to cut parts out of it


def checked_kind(kind: str) -> str:
    """The kind, if it is one. ValueError if not."""
    if kind not in KINDS:
        raise ValueError(f"augmentation is {', '.join(KINDS[:-1])} or {KINDS[-1]}, not {kind!r}")
    return kind


def changes(kind: str, size: tuple[int, int]) -> Callable[[Tensor], Tensor]:
    """What makes an image (3, h, w) of bytes one of `size`, another one each time."""
    from torchvision.transforms import InterpolationMode, v2

    checked_kind(kind)
    if kind == "photo":
        return v2.Compose([
            v2.RandomResizedCrop(size, scale=(0.6, 1.0), ratio=(0.8, 1.25), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.02),
        ])  # fmt: skip
    if kind == "drawing":
        return v2.Compose([
            v2.Pad(round(0.2 * max(size)), padding_mode="edge"),  # so that no corner is turned in from outside
            v2.RandomAffine(10, (0.04, 0.04), (0.9, 1.1), interpolation=InterpolationMode.BILINEAR),
            v2.CenterCrop(size),
        ])  # fmt: skip
    return v2.CenterCrop(size)


def augmented(images: Tensor, kind: str, size: tuple[int, int]) -> Tensor:
    """The images (n, 3, h, w) of bytes, each changed by itself, as values (n, 3, *size) in [0, 1]."""
    change = changes(kind, size)
    return torch.stack([change(image) for image in images]).float().div_(255)
