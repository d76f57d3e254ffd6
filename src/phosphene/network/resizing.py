"""Resizing and cutting uint8 images as the standard evaluation pipelines do it, to the bit.

Two rules for the size of a photo whose shorter side becomes `side` are in use: torchvision's `Resize(int)` truncates
the longer side, timm's `ResizeKeepRatio` rounds it. Both centre a cut by rounding half to even; transformers truncates
the side as torchvision does and rounds a cut's half pixel down.
"""

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from .frame import Frame

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}

# A 1 x 10,000 photo whose short side becomes 256 would pass through 655 million pixels. Above this many, only the
# part that the crop keeps is resized: the same values up to uint8 rounding.
MOST_PIXELS = 64_000_000


def short_side_to(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """The (height, width) with its aspect kept that just covers `target`."""
    (height, width), (target_h, target_w) = size, target
    if target_h != target_w:
        return _divided(size, min(height / target_h, width / target_w))
    other = int(target_h * max(size) / min(size))
    return (other, target_h) if width <= height else (target_h, other)


def long_side_to(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """The (height, width) with its aspect kept that just fits into `target`; at least one pixel."""
    return _divided(size, max(size[0] / target[0], size[1] / target[1]))


def _divided(size: tuple[int, int], ratio: float) -> tuple[int, int]:
    return max(round(size[0] / ratio), 1), max(round(size[1] / ratio), 1)


def centred(length: int, cut: int, rounding: str = "even") -> int:
    """Where a centred cut begins, a half pixel rounded to "even" or "down"; below 0 where it must be padded."""
    if rounding == "down":
        return (length - cut) // 2
    return -((cut - length) // 2) if cut > length else round((length - cut) / 2)


def in_a_piece(photo: tuple[int, int], resized: tuple[int, int], antialias: bool) -> bool:
    """Whether no more of the photo is resized than the cut keeps."""
    return antialias and photo != resized and resized[0] * resized[1] > MOST_PIXELS


def cut(
    image: Image.Image, frame: Frame, *, interpolation: str, antialias: bool, fill: int | tuple[int, ...]
) -> Image.Image:
    """The image resized, then cropped or padded with `fill`, as `frame` says."""
    (top, left), (height, width) = frame.corner, frame.size
    window = (max(left, 0), max(top, 0), min(left + width, frame.resized[1]), min(top + height, frame.resized[0]))
    piece = _resized_piece(image, frame, window, interpolation, antialias)
    if piece.size == (width, height):
        return piece
    canvas = Image.new(image.mode, (width, height), fill)
    canvas.paste(piece, (max(-left, 0), max(-top, 0)))
    return canvas


def _resized_piece(
    image: Image.Image, frame: Frame, window: tuple[int, int, int, int], interpolation: str, antialias: bool
) -> Image.Image:
    (height, width), (left, top, right, bottom) = frame.resized, window
    if frame.resized == frame.photo:
        return image.crop(window)
    if not antialias:
        return _resize_without_smoothing(image, frame.resized, interpolation).crop(window)
    if not frame.piece:
        return image.resize((width, height), FILTERS[interpolation]).crop(window)
    return image.resize((right - left, bottom - top), FILTERS[interpolation], box=frame.seen.as_tuple())


def _resize_without_smoothing(image: Image.Image, size: tuple[int, int], interpolation: str) -> Image.Image:
    """torchvision's `resize(..., antialias=False)` of a uint8 tensor: computed in float, clipped and rounded."""
    values = torch.from_numpy(np.array(image)).float()
    values = values[None, None] if values.ndim == 2 else values.permute(2, 0, 1)[None]
    align = None if interpolation == "nearest" else False
    resized = F.interpolate(values, size=size, mode=interpolation, align_corners=align)
    whole = resized[0].clamp(0, 255).round().to(torch.uint8)
    return Image.fromarray((whole[0] if len(whole) == 1 else whole.permute(1, 2, 0).contiguous()).numpy())
