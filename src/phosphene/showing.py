"""The photo behind a network's input: what to draw maps on, for photos and for tensors alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from .network import Box, Frame, Network
from .picture import Photo, map_range, read


def photo_of(network: Network, images: Any, index: int = 0) -> tuple[Photo, Frame]:
    """The photo number `index` of an instrument's images and where the network's input lies in it.

    A tensor is shown as the image it was normalised from; values that no image has are clipped.
    """
    if isinstance(images, Tensor):
        if index >= len(images):
            raise IndexError(f"there are {len(images)} images, no number {index} (counted from 0)")
        photo = read(_pixels(network, images[index : index + 1].detach()))
        return photo, Frame.whole(photo.height, photo.width)
    photos: Sequence[Photo] = images if isinstance(images, (list, tuple)) else [images]
    if index >= len(photos):
        raise IndexError(f"there are {len(photos)} photos, no number {index} (counted from 0)")
    return photos[index], network.frame(photos[index])


def _pixels(network: Network, image: Tensor) -> np.ndarray:
    if image.shape[1] == network.preprocessing.channels:
        rgb = network.preprocessing.denormalise(image)[0].permute(1, 2, 0)
        return rgb.float().clamp(0, 1).cpu().numpy()
    return map_range(image[0].mean(0).float().cpu().numpy()).values01


def seen(photo: Photo, frame: Frame) -> tuple[Photo, Frame]:
    """The part of the photo that the network sees, on whole pixels, and the input's frame in it."""
    box = frame.seen.round().clip(photo.height, photo.width)
    left, top, right, bottom = (int(edge) for edge in box.as_tuple())
    if (left, top, right, bottom) == (0, 0, photo.width, photo.height):
        return photo, frame
    return photo.crop((left, top, right, bottom)), frame


def input_box(photo: Photo, frame: Frame) -> tuple[float, float, float, float]:
    """Where the whole input lies in the cropped photo of `seen`, in its pixels."""
    box = frame.to_photo(Box(0, 0, frame.size[1], frame.size[0]))
    whole = frame.seen.round()
    return box.left - whole.left, box.top - whole.top, box.right - whole.left, box.bottom - whole.top
