"""Options that recipes share, checked."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...network import Network
from ...network.room import check_images, check_room
from ...picture import compact
from .objectives import Size

WITHIN, HALF = 0.5 / 255, 0.02  # how far rounding may bring an image's values beyond [0, 1], also in half precision
LARGEST = 4096  # pixels; a side beyond it asks for more memory than it is worth


def input_size(network: Network, size: int | tuple[int, int] | list[int] | None) -> Size:
    """The (height, width) of the images; the network's usual input where none is given."""
    return network.preprocessing.size if size is None else pair(size)


def pair(size: int | tuple[int, int] | list[int]) -> Size:
    """A size as (height, width)."""
    both = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(both) != 2 or not all(hasattr(side, "__index__") and 1 <= side <= LARGEST for side in both):
        raise ValueError(f"a size is a number of pixels or (height, width), from 1 to {LARGEST}, not {size!r}")
    return int(both[0]), int(both[1])


def count(value: Any, name: str, least: int = 1) -> int:
    """A whole number of at least `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is a whole number, not {value!r}") from None
    if number < least:
        raise ValueError(f"{name} is at least {least}, not {number}")
    return number


def step_count(value: Any) -> int:
    """A number of steps, at least 1, whose scores fit into memory."""
    steps = count(value, "steps")
    check_room(steps, 4, "steps={}: a score of each")
    return steps


def image_count(
    value: Any, name: str, size: Size, network: Network | None = None, reads: Collection[str] = (), *, least: int = 1,
    each: int = 1,
) -> int:  # fmt: skip
    """A number of images of that size, at least `least`, that fit into memory while they are optimised for what is read
    of the network; each stands for `each` of them."""
    number = count(value, name, least)
    check_images(number, size, name, network, reads, each)
    return number


def positive(value: Any, name: str, zero: bool = False) -> float:
    """A finite number above 0, or at least 0 where `zero` is allowed."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and (number > 0 or (zero and number == 0))):
        raise ValueError(f"{name} is a number {'of at least' if zero else 'above'} 0, not {value!r}")
    return number


def generator(seed: Any) -> torch.Generator:
    """A source of random numbers that begins at the seed."""
    return torch.Generator().manual_seed(whole_seed(seed))


def whole_seed(seed: Any) -> int:
    """A whole number from -2^63 to 2^64 - 1, as torch takes seeds."""
    try:
        number = operator.index(seed)
    except TypeError:
        raise TypeError(f"seed is a whole number, not {seed!r}") from None
    if not -(2**63) <= number < 2**64:
        raise ValueError(f"seed is a whole number from -2^63 to 2^64 - 1, not {number}")
    return number


def seen_images(network: Network, images: Any) -> Tensor:
    """What the network sees of photos, or of a tensor that is its input, as images (N, 3, H, W) in [0, 1].

    Raises ValueError for a tensor that is no image's: brought into [0, 1] it would be another image.
    """
    pixels = network.denormalise(network.inputs(images).detach().to(precision(network)))
    slack = WITHIN if network.dtype == precision(network) else HALF
    low, high = float(pixels.min()), float(pixels.max())
    if isinstance(images, Tensor) and (low < -slack or high > 1 + slack):
        raise ValueError(
            f"the image of this tensor goes from {compact(low)} to {compact(high)}, beyond [0, 1]: it is not what "
            f"{network.name} is given of any photo ({network.preprocessing.describe()}); give the photo, or "
            "network.normalise(images) of images in [0, 1]"
        )
    return pixels.clamp(0, 1)


def precision(network: Network) -> torch.dtype:
    """What images are computed in: the network's own numbers, but single precision where these are halves.

    A step of an optimiser is often below half precision's rounding, and transforms of Fourier know no halves.
    """
    return network.dtype if network.dtype in (torch.float32, torch.float64) else torch.float32


def start_size(network: Network, start: Any, size: int | tuple[int, int] | None) -> Size:
    """The (height, width) of images that begin at `start`: its own where it is a tensor and no size is asked for."""
    if size is None and isinstance(start, Tensor) and start.ndim >= 2:
        return pair((int(start.shape[-2]), int(start.shape[-1])))
    return input_size(network, size)


def start_images(network: Network, start: Any, many: int, size: Size) -> Tensor:
    """The images (many, 3, H, W) in [0, 1] to begin at: those of an earlier result, or a photo as the network sees it.

    One is taken for all; others are brought to the size. Raises ValueError for a tensor that is no image.
    """
    if isinstance(start, Tensor):
        pixels = start.detach()[None] if start.ndim == 3 else start.detach()
        if pixels.ndim != 4 or pixels.shape[1] != 3 or not pixels.is_floating_point():
            text = f"{start.dtype} of shape {tuple(start.shape)}"
            raise ValueError(f"images to start at are (N, 3, H, W), floating-point in [0, 1], not {text}")
        if not ((pixels >= 0) & (pixels <= 1)).all():
            raise ValueError("images to start at are in [0, 1], as `images` of a result are; these go beyond")
    else:
        pixels = seen_images(network, start)
    if len(pixels) not in (1, many):
        raise ValueError(f"{len(pixels)} images to start at don't fit {many}; give one, or one for each")
    if pixels.shape[-2:] != size:
        pixels = F.interpolate(pixels, size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
    return pixels.expand(many, -1, -1, -1)
