"""Versions of an image that lack one thing each: its colours, its own hues, fine detail, contrast, or its form.

Colours are changed at equal luma Y = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601, on the coded values that networks see):

    grey     every channel becomes Y
    hue      U = 0.492 (B - Y) and V = 0.877 (R - Y) turn by an angle, which is a turn of I and Q of NTSC's YIQ; a
             colour that lies beyond [0, 1] then is paled towards its own grey until it fits
    flat     the mean colour of the unit's window, everywhere: all form is gone, and the colour stays

What is changed of the form is measured by the unit's window, so that a unit of 30 px and one of 300 px are asked alike:
a Gaussian of 1/16 and 1/8 of the window's side, and blocks of 1/4 and 1/8 of it, which are permuted within the window.
The image around the window stays. No block stays where it was: the permutations are single cycles (Sattolo, 1986).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...network import Box
from ...transformations import blurred, grey, hue_turned
from ...transformations.colour import U, V, luma

HUES = (90, 180, 270)
BLURS = {"blurred": 1 / 16, "blurred more": 1 / 8}  # sigma by the window's side
LEAST_SIGMA = 0.5  # pixels; less would leave the image as it is
BLOCKS = {"shuffled": 1 / 4, "shuffled more": 1 / 8}  # a block's side by the window's
DRAWS = 4  # permutations of each size, whose responses are averaged
CONTRAST = 0.5

COLOUR = ("grey", *(f"hue {angle}°" for angle in HUES))
FORM = (*BLURS, *BLOCKS, "flat")
VERSIONS = (*COLOUR, "half contrast", *FORM)


@dataclass(frozen=True, eq=False)
class Version:
    """An image's version: several images (n, 3, H, W) where chance made it, and how it was made."""

    name: str
    images: Tensor = field(repr=False)
    how: str = ""


def versions(image: Tensor, window: Box, side: float, seed: int, *, colours: bool = True) -> list[Version]:
    """The versions of an image (1, 3, H, W) in [0, 1], in the order of `VERSIONS`.

    `window` is the part of it that the unit sees, and `side` the shorter side of the unit's window where no border cuts
    it. Left out are those of the colours where `colours` is false, and shuffled ones where the window holds no two
    blocks or blocks of the same size were shuffled already.
    """
    generator = torch.Generator().manual_seed(seed)
    made = [Version("grey", grey(image), "at equal luma")] if colours else []
    if colours:
        made += [Version(f"hue {angle}°", hue_turned(image, angle), "turned at equal luma") for angle in HUES]
    mean = inside(image, window).mean((2, 3), keepdim=True)
    made.append(Version("half contrast", mean + CONTRAST * (image - mean), "about the window's mean colour"))
    for name, share in BLURS.items():
        sigma = max(share * side, LEAST_SIGMA)
        made.append(Version(name, blurred(image, sigma).clamp(0, 1), f"Gaussian, σ {_pixels(sigma)} px"))
    sides = dict.fromkeys(max(1, round(share * side)) for share in BLOCKS.values())
    for name, block in zip(BLOCKS, sides, strict=False):
        draws = [shuffled(image, window, block, generator) for _ in range(DRAWS)]
        several = [draw for draw in draws if draw is not None]
        if several:
            made.append(Version(name, torch.cat(several), f"blocks of {block} px"))
    made.append(Version("flat", mean.expand_as(image), "the window's mean colour"))
    return made


def chroma(image: Tensor, window: Box) -> float:
    """How colourful the window is: the mean length of (U, V); 0 for grey, 0.63 for pure red."""
    part = inside(image, window)
    y = luma(part)
    return float(torch.hypot(U * (part[:, 2:] - y), V * (part[:, :1] - y)).mean())


def shuffled(image: Tensor, window: Box, block: int, generator: torch.Generator) -> Tensor | None:
    """The image with the window's blocks of `block` pixels moved to one another's places; None for less than two.

    Blocks are whole; what is left of the window lies around them and stays.
    """
    box = window.round()
    rows, columns = int(box.height) // block, int(box.width) // block
    if rows * columns < 2:
        return None
    top = int(box.top) + (int(box.height) - rows * block) // 2
    left = int(box.left) + (int(box.width) - columns * block) // 2
    area = image[..., top : top + rows * block, left : left + columns * block]
    blocks = area.unflatten(3, (columns, block)).unflatten(2, (rows, block))  # (1, 3, rows, block, columns, block)
    blocks = blocks.permute(2, 4, 0, 1, 3, 5).flatten(0, 1)
    moved = blocks[_cycle(len(blocks), generator)].unflatten(0, (rows, columns))
    result = image.clone()
    result[..., top : top + rows * block, left : left + columns * block] = (
        moved.permute(2, 3, 0, 4, 1, 5).flatten(4, 5).flatten(2, 3)
    )
    return result


def inside(image: Tensor, window: Box) -> Tensor:
    """The window of the image, on whole pixels."""
    box = window.round()
    return image[..., int(box.top) : int(box.bottom), int(box.left) : int(box.right)]


def _cycle(count: int, generator: torch.Generator) -> Sequence[int]:
    """A random permutation of a single cycle: nothing stays at its place."""
    order = list(range(count))
    for last in range(count - 1, 0, -1):
        other = int(torch.randint(last, (), generator=generator))
        order[last], order[other] = order[other], order[last]
    return order


def _pixels(length: float) -> str:
    return f"{length:.1f}" if length < 10 else f"{length:.0f}"
