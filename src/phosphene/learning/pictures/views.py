"""What a system shows, by what it can do: samples, reconstructions, walks along its codes, the plane of two codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...network.opening.source import undisturbed
from ...picture import Block, DrawingBlock, Row
from ...picture.chart import Axis, Chart, Points
from ..abilities import Alters, Completes, Decodes, Encodes, Samples
from .tiles import block, is_image

SAMPLES, WIDE, HALF = 54, 18, 9  # samples, and tiles in a row over the whole sheet and over half of it
WALKS, REACH, PLANE = 8, 2.5, 15  # codes that are walked along, how far, and the places along a side of their plane


def blocks_of(system: Any, held_out: Tensor) -> list[Block]:
    """Blocks for everything that the system can do; `held_out` are some examples that it has not learned from."""
    if not is_image(system.shape):
        return list(_of_points(system, held_out))
    halves = [
        *_altered(system, held_out),
        *_reconstructions(system, held_out),
        *_walks(system),
        *_completed(system, held_out),
    ]
    pairs = [halves[at : at + 2] for at in range(0, len(halves), 2)]
    return [*_samples(system), *(Row(pair) if len(pair) == 2 else pair[0] for pair in pairs)]


def frame(system: Any, held_out: Tensor) -> np.ndarray | None:
    """Pixels (h, w, 3) of what it makes now, for a film of its training; None where it makes no images."""
    if not is_image(system.shape):
        return None
    if isinstance(system, Samples):
        return block(system.sample(64, seed=1), 8).pixels
    if isinstance(system, Encodes) and isinstance(system, Decodes):
        return block(system.decode(system.encode(held_out[:32])), 8).pixels
    return None


def _samples(system: Any) -> Iterator[Block]:
    if isinstance(system, Samples):
        yield block(system.sample(SAMPLES, seed=0), WIDE, "Samples", "New images, drawn at random; none was chosen.")


def _reconstructions(system: Any, held_out: Tensor) -> Iterator[Block]:
    if isinstance(system, Encodes) and isinstance(system, Decodes):
        some = held_out[: 2 * HALF]
        caption = "Images that it has not learned from, and below each what is left of it after encoding and decoding."
        yield block(_paired(some, system.decode(system.encode(some))), HALF, "Reconstructions", caption)


def _altered(system: Any, held_out: Tensor) -> Iterator[Block]:
    if isinstance(system, Alters):
        some = held_out[: 2 * HALF]
        with undisturbed(0):
            altered = system.altered(some)
        caption = "Images that it has not learned from, and below each what training would give the network of it."
        yield block(_paired(some, altered), HALF, "What it learns from", caption)


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
    order = system.most_used[:WALKS]
    points = torch.zeros(len(order), HALF, codes)
    for row, code in enumerate(order):
        points[row, :, code] = torch.linspace(-REACH, REACH, HALF)
    caption = f"Each row: one code from −{REACH:g} to {REACH:g}, all others 0. The most used codes."
    yield block(system.decode(points.view(-1, codes)), HALF, "Walks along codes", caption)


def _of_points(system: Any, held_out: Tensor) -> Iterator[Block]:
    """Examples of two numbers: those held out, and samples, in the plane."""
    if len(system.shape) == 1 and system.shape[0] == 2 and isinstance(system, Samples):
        drawn = system.sample(len(held_out)).numpy()
        x = held_out.numpy()
        series = [Points(x[:, 0], x[:, 1], "held out"), Points(drawn[:, 0], drawn[:, 1], "samples")]
        chart = Chart(series, Axis("first number"), Axis("second number"), width=520, height=420)
        yield DrawingBlock(chart.drawing(), "Samples")
