"""What a network is given: photos, or a tensor that is its input already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from .preprocessing import HasPixels

Images = HasPixels | Sequence[HasPixels] | Tensor


class HasSides(Protocol):
    """A photo, as far as its place in the network's input needs to know it."""

    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...


def photos_in(images: Any) -> list[Any]:
    """The photos, or the one photo. ValueError where there are none, TypeError for something else."""
    photos = list(images) if isinstance(images, (list, tuple)) else [images]
    if not photos:
        raise ValueError("no images were given; give a photo, a list of photos or a tensor (N, C, H, W)")
    if not all(hasattr(photo, "pixels") for photo in photos):
        kinds = ", ".join(sorted({type(photo).__name__ for photo in photos}))
        raise TypeError(
            f"images are photos (phosphene.read opens them) or a float tensor (N, C, H, W) that is already "
            f"the network's input, not {kinds}"
        )
    return photos


def no_image(network: str, channels: int, colour: int) -> str:
    """Why no photo can be shown to a network, nor an image be made for it: one sentence."""
    return (
        f"{network} takes inputs of {channels} channels and a photo has {colour}, so no photo can be shown to it and "
        f"no image made for it; what takes the network's input works with a tensor (N, {channels}, H, W)"
    )


def check(images: Tensor, channels: int | None, network: str) -> None:
    """ValueError for a tensor that a network of so many channels, or any (None), can't be given."""
    shape = " × ".join(map(str, images.shape))
    if images.ndim != 4 or 0 in images.shape:
        hint = "; add the batch: images[None]" if images.ndim == 3 else ""
        raise ValueError(f"the network's input is (N, C, H, W); this tensor is {shape or 'a single number'}{hint}")
    if not images.is_floating_point():
        raise ValueError(
            f"the network's input is a float tensor; this one is {images.dtype}: read it as a photo (phosphene."
            "read), or scale and normalise it as the network expects"
        )
    if channels is not None and images.shape[1] != channels:
        raise ValueError(f"{network} takes images of {channels} channels; this tensor has {images.shape[1]} ({shape})")
    # a sum is finite only if all its parts are, and much cheaper
    if not torch.isfinite(images.detach().sum()) and (bad := int((~torch.isfinite(images.detach())).sum())):
        raise ValueError(f"the images hold {bad} values that are NaN or infinite; no answer would mean anything")


def pair(size: int | Sequence[int] | None) -> tuple[int, int] | None:
    """An input's (height, width) from a number of pixels for both, or from both; None from None."""
    if size is None:
        return None
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or min(sides) < 1:
        raise ValueError(f"a size is a number of pixels or (height, width), not {size!r}")
    return int(sides[0]), int(sides[1])
