"""What a system shows, by what it can do: samples, reconstructions, walks along its codes, the plane of two codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...network.opening.source import undisturbed
from ...picture import Block, ColourBar, ImageBlock, Range, Row
from ..abilities import Completes, Decodes, Discriminates, Encodes, Samples, SamplesClasses
from .field import is_plane, plane_pixels
from .tiles import block, is_image

SAMPLES, WIDE, HALF, CLASSES = (
    54,
    18,
    9,
    12,
)  # samples, tiles in a row of the sheet and of half of it, and rows of classes at most
WALKS, REACH, PLANE = 8, 2.5, 15  # codes that are walked along, how far, and the places along a side of their plane


def blocks_of(system: Any, held_out: Tensor, nearest: tuple[Tensor, Tensor] | None = None) -> list[Block]:
    """Blocks for everything that the system can do; `held_out` are some examples that it has not learned from.

    `nearest` are some samples, and the training image that is nearest to each.
    """
    if not is_image(system.shape):
        return list(_of_points(system, held_out))
    halves = [
        *_neighbours(nearest),
        *_reconstructions(system, held_out),
        *_walks(system),
        *_between(system),
        *_completed(system, held_out),
    ]
    pairs = [halves[at : at + 2] for at in range(0, len(halves), 2)]
    return [*_samples(system), *(Row(pair) if len(pair) == 2 else pair[0] for pair in pairs)]


def frame(system: Any, held_out: Tensor) -> np.ndarray | None:
    """Pixels (h, w, 3) of what it makes now, for a film of its training; None where it makes no images."""
    if is_plane(system.shape):
        return plane_pixels(system, held_out)
    if not is_image(system.shape):
        return None
    if isinstance(system, Samples):
        return block(system.sample(64, seed=1), 8).pixels
    if isinstance(system, Encodes) and isinstance(system, Decodes):
        return block(system.decode(system.encode(held_out[:32])), 8).pixels
    return None


def _samples(system: Any) -> Iterator[Block]:
    if isinstance(system, SamplesClasses):
        labels = torch.arange(min(system.classes, CLASSES)).repeat_interleave(WIDE)
        noise = system.sample(len(labels), seed=0, labels=labels)
        yield block(noise, WIDE, "Samples of each class", "A row for each class; none was chosen.")
    elif isinstance(system, Samples):
        yield block(system.sample(SAMPLES, seed=0), WIDE, "Samples", "New images, drawn at random; none was chosen.")


def _neighbours(nearest: tuple[Tensor, Tensor] | None) -> Iterator[Block]:
    if nearest is not None:
        caption = "Samples, and below each the training image that is nearest to it: a copy would be the same."
        yield block(_paired(*nearest), HALF, "Nearest training images", caption)


def _reconstructions(system: Any, held_out: Tensor) -> Iterator[Block]:
    if isinstance(system, Encodes) and isinstance(system, Decodes):
        some = held_out[: 2 * HALF]
        caption = "Images that it has not learned from, and below each what is left of it after encoding and decoding."
        yield block(_paired(some, system.decode(system.encode(some))), HALF, "Reconstructions", caption)


def _completed(system: Any, held_out: Tensor) -> Iterator[Block]:
    if isinstance(system, Completes):
        some = held_out[: 2 * HALF]
        known = torch.ones_like(some, dtype=torch.bool)
        known[..., known.shape[-1] // 2 :] = False
        filled = system.complete(some.where(known, torch.zeros(())), known)
        grey = some.where(known, torch.full((), 0.5))
        caption = "The right half is hidden; below each image, its most likely whole, given the left half."
        yield block(_paired(grey, filled), HALF, "Completed", caption)


def _paired(above: Tensor, below: Tensor) -> Tensor:
    """Rows of the first images, each with the row of their counterparts below it."""
    rows = zip(above.split(HALF), below.to(above.dtype).split(HALF), strict=True)
    return torch.cat([part for pair in rows for part in pair])


def _between(system: Any) -> Iterator[Block]:
    """Ways between two samples, for systems whose codes have no order of their own."""
    if not isinstance(system, Decodes) or isinstance(system, Encodes):
        return
    with undisturbed(2):
        ends = torch.randn(2 * WALKS, system.code_size)
    ways = interpolated(ends[:WALKS], ends[WALKS:], HALF)
    flat = ways.reshape(-1, system.code_size)
    if isinstance(system, SamplesClasses):
        images = system.decode_as(flat, torch.arange(WALKS).repeat_interleave(HALF) % system.classes)
    else:
        images = system.decode(flat)
    yield block(
        images, HALF, "Ways between two codes", "Each row: from one random code to another, along a great circle."
    )


def interpolated(a: Tensor, b: Tensor, count: int) -> Tensor:
    """Codes (n, count, q) on the way from a to b (n, q): along great circles, which keeps lengths that N(0, I) has.

    Spherical interpolation (White 2016): (sin((1 − t) w) a + sin(t w) b) / sin w, with w the angle between a and b.
    """
    angle = torch.nn.functional.cosine_similarity(a, b, dim=1).clamp(-1, 1).acos()[:, None, None]
    t = torch.linspace(0, 1, count, dtype=a.dtype)[None, :, None]
    first, second = ((1 - t) * angle).sin() / angle.sin(), (t * angle).sin() / angle.sin()
    straight = angle.sin().abs() < 1e-4  # hardly an angle, or codes opposite each other
    first, second = first.where(~straight, 1 - t), second.where(~straight, t)
    return first * a[:, None] + second * b[:, None]


def _walks(system: Any) -> Iterator[Block]:
    if not isinstance(system, Decodes):
        return
    codes = system.code_size
    if codes == 2:
        axis = torch.linspace(-2, 2, PLANE)
        up, across = torch.meshgrid(axis.flip(0), axis, indexing="ij")
        caption = "What is decoded at each place of the plane of the two codes, each from −2 to 2."
        yield block(system.decode(torch.stack([across, up], -1).view(-1, 2)), PLANE, "Plane of codes", caption, side=34)
        return
    if not isinstance(system, Encodes):
        return  # none of its codes says more than another
    order = system.most_used[:WALKS]
    points = torch.zeros(len(order), HALF, codes)
    for row, code in enumerate(order):
        points[row, :, code] = torch.linspace(-REACH, REACH, HALF)
    caption = f"Each row: one code from −{REACH:g} to {REACH:g}, all others 0. The most used codes."
    yield block(system.decode(points.view(-1, codes)), HALF, "Walks along codes", caption)


def _of_points(system: Any, held_out: Tensor) -> Iterator[Block]:
    """Examples of two numbers: those held out and samples, in the plane."""
    pixels = plane_pixels(system, held_out) if is_plane(system.shape) else None
    if pixels is None:
        return
    caption = "Black: held-out examples. White: samples."
    if isinstance(system, Discriminates):
        yield ImageBlock(pixels, "The critic's field", caption)
        yield ColourBar("diverging", Range(0.0, 1.0, "0:1"), "probability that a point is real")
    else:
        yield ImageBlock(pixels, "Samples", caption)
