"""The photo behind a network's input: what to draw maps on, for photos and for tensors alike."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from .network import OUTPUTS, Address, Frame, Labels, Network
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


def first_of(name: str, count: int) -> str:
    """The photo's name, with what is not shown where only the first of several images is."""
    return name if count == 1 else f"{name} (image 1 of {count})"


def named(network: Network, address: Address) -> str:
    """The address in words, with the class's name."""
    return with_class(network.labels, address)


def with_class(labels: Labels, address: Address) -> str:
    """The address in words, with the name that the labels give to its class."""
    channel = address.channel
    if address.layer in OUTPUTS and isinstance(channel, int) and channel < len(labels):
        return f"{address} ({labels[channel]})"
    return str(address)


def units_of(network: Network, images: Any, layer: str, channel: Any = None) -> Address:
    """The layer, channel and place that are meant by a name or an address, such as 'blocks.2:17' or 'blocks.2@5,6'.

    Raises ValueError for an address of a token and for two channels, TypeError for a channel that is none.
    """
    if channel is not None:
        try:
            channel = operator.index(channel)
        except TypeError:
            raise TypeError(f"a channel is a whole number, not {channel!r}") from None
    if ":" not in layer and "@" not in layer:
        return Address(layer, channel)
    address = address_of(network, images, layer)
    if address.token is not None:
        raise ValueError(
            f"{layer!r} is a token, which has no place in the photo; name a layer, such as {address.layer!r}"
        )
    if channel is not None and address.channel is not None and channel != address.channel:
        raise ValueError(f"{layer!r} and channel={channel} name two channels; give one")
    return replace(address, channel=channel if address.channel is None else address.channel)


def address_of(network: Network, images: Any, layer: str) -> Address:
    """The address, checked at the size of the network's input for the images."""
    x = network.inputs(images)
    return network.address(layer, (int(x.shape[-2]), int(x.shape[-1])))


def peaks(maps: np.ndarray) -> np.ndarray:
    """Where each of the maps (..., rows, columns) is largest, as (row, column): (..., 2).

    A bounded activation such as ReLU6 reaches its largest value at many places; the one nearest to their middle counts.
    """
    rows, columns = (grid.astype(np.float64) for grid in np.indices(maps.shape[-2:]))
    largest = maps == maps.max((-2, -1), keepdims=True)
    count = largest.sum((-2, -1), keepdims=True)
    middle = [(largest * grid).sum((-2, -1), keepdims=True) / count for grid in (rows, columns)]
    away = np.where(largest, (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2, np.inf)
    flat = away.reshape(*maps.shape[:-2], -1).argmin(-1)
    return np.stack(np.divmod(flat, maps.shape[-1]), -1)


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
    box = frame.to_photo(frame.whole_input)
    whole = frame.seen.round()
    return box.left - whole.left, box.top - whole.top, box.right - whole.left, box.bottom - whole.top
