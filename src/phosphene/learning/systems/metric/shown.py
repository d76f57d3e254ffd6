"""The sheet of a system of codes: images at their codes, what shifts do to them, the cylinder, neighbours, triplets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....picture import Block, DrawingBlock, Row, Sheet, TextBlock
from ...abilities import Encodes
from ...checkpoints.folder import read
from ...checkpoints.held_out import read_all, read_held_out
from ...learned import Learned
from ...pictures.plane import class_colours, hues, plane, shades, ways
from ...pictures.tiles import block, is_image
from ...registry import make
from ...sets.partners import nearest
from ...sets.shifts import shifted, shifts_for
from .circular import circle

ANCHORS, CLOSE, TRIPLETS = 8, 7, 12  # images with so many neighbours each, and triplets
MINED_AMONG = 150  # held-out images; their triplets grow with the third power
UPRIGHT = "What the codes say of the place that each image was seen from; hues go around with the azimuth."


@dataclass(frozen=True, eq=False, kw_only=True)
class LearnedCodes(Learned):
    """A learned system whose codes are what it is for."""

    @classmethod
    def of(cls, folder: Path) -> LearnedCodes:
        """The system in a folder."""
        system, card = read(folder, make)
        return cls(system=system, card=card, held_out=read_held_out(folder, system.shape), folder=folder)

    def sheet(self) -> Sheet:
        sheet = super().sheet()
        if not (is_image(self.system.shape) and len(self.held_out)):
            return sheet
        known = read_all(self.folder)
        assert isinstance(self.system, Encodes)
        codes = self.system.encode(self.held_out)
        blocks = list(_blocks(self.system, self.held_out, codes, known.get("labels"), known.get("poses")))
        return replace(sheet, blocks=[*sheet.blocks, *blocks])


def _blocks(system: Any, x: Tensor, codes: Tensor, labels: Tensor | None, poses: Tensor | None) -> Iterator[Block]:
    if poses is not None and codes.shape[1] > 2:
        yield _cylinder(x, codes, poses)
    elif codes.shape[1] == 2:
        yield Row([_plane(x, codes.numpy(), labels), _shifts(system, x, codes.numpy(), labels)])
    else:
        yield Row([_plane(x, _principal(codes), labels, principal=True), _neighbours(x, codes, labels)])
    if labels is not None and getattr(system, "mines", False):
        yield _triplets(system, x, codes, labels)


def _plane(x: Tensor, codes: np.ndarray, labels: Tensor | None, principal: bool = False) -> Block:
    what = "first two principal components of their codes" if principal else "two numbers of their codes"
    colours = "; a colour each class." if labels is not None else "."
    caption = f"Images that it has not learned from, at the {what}{colours}"
    return DrawingBlock(plane(codes, x, class_colours(labels, len(x))), "Plane of codes", caption)


def _shifts(system: Any, x: Tensor, codes: np.ndarray, labels: Tensor | None) -> Block:
    shifts = (*(s for s in shifts_for(x.shape[-1]) if s < 0), 0, *(s for s in shifts_for(x.shape[-1]) if s > 0))
    moved = np.stack([system.encode(shifted(x, shift)).numpy() for shift in shifts], 1)
    words = ", ".join(f"{shift:+d}".replace("-", "−") for shift in shifts if shift)
    caption = f"The ways of some images' codes when the images are moved sideways by {words} pixels."
    return DrawingBlock(ways(codes, moved, x, class_colours(labels, len(x))), "Shifts", caption)


def _cylinder(x: Tensor, codes: Tensor, poses: Tensor) -> Block:
    """The codes seen along the axis of their ring, and from its side."""
    azimuth, elevation = poses.numpy().T
    turns = azimuth / (azimuth.max() + 1)
    points = codes.double().numpy()
    ring = np.linalg.svd(circle(points, 2 * np.pi * turns)[0])[2]  # two axes of the ring, then those upright to it
    turned = points @ ring.T
    upright = turned[:, 2] * np.sign(np.corrcoef(turned[:, 2], elevation)[0, 1] or 1)
    side = np.stack([turned[:, 0], upright], 1)
    steps = (elevation - elevation.min()) / max(1, np.ptp(elevation))
    return Row([
        DrawingBlock(plane(turned[:, :2], x, hues(turns), tile=40), "Along the axis", UPRIGHT),
        DrawingBlock(plane(side, x, shades(steps), tile=40), "From the side", "Elevations go from blue to orange."),
    ])  # fmt: skip


def _neighbours(x: Tensor, codes: Tensor, labels: Tensor | None) -> Block:
    """Rows of an image and those nearest to it, of which others' classes are dimmed."""
    count = min(CLOSE, len(x) - 1)
    step = max(1, len(x) // ANCHORS)
    anchors = torch.arange(0, len(x), step)[:ANCHORS]
    close = nearest(codes, count)[anchors]
    images = x[torch.cat([anchors[:, None], close], 1)]
    if labels is not None:
        wrong = torch.cat(
            [torch.zeros(len(anchors), 1, dtype=torch.bool), labels[close] != labels[anchors][:, None]], 1
        )
        images = torch.where(wrong[..., None, None, None], 1 - 0.35 * (1 - images.clamp(0, 1)), images)
    caption = "On the left an image, then the nearest to it by their codes." + (
        " Those of another class are pale." if labels is not None else ""
    )
    return block(images.flatten(0, 1), count + 1, "Neighbours", caption)


def _triplets(system: Any, x: Tensor, codes: Tensor, labels: Tensor) -> Block:
    """Triplets that the miner finds among held-out images, one an anchor's class: anchors, positives, negatives."""
    heading = "Mined triplets"
    codes, labels = codes[:MINED_AMONG], labels[:MINED_AMONG]
    try:
        triplets = system.triplets(codes, labels)
    except LookupError as error:
        return TextBlock(f"{heading}: {error}", colour="muted")
    if not len(triplets):
        return TextBlock(f"{heading}: none is left that is hard among these images.", colour="muted")
    distances = (codes[triplets[:, 0]] - codes[triplets[:, 2]]).norm(dim=1)
    classes = labels[triplets[:, 0]]
    best = [torch.where(classes == each, distances, torch.inf).argmin() for each in classes.unique()]
    rows = triplets[torch.stack(sorted(best, key=lambda place: float(distances[place]))[:TRIPLETS])]
    caption = (
        "From top to bottom anchors, positives of the same class, and negatives of another that are hardly further; "
        "the nearest of each class."
    )
    return block(x[rows.T.flatten()], len(rows), heading, caption)


def _principal(codes: Tensor) -> np.ndarray:
    centred = (codes - codes.mean(0)).double()
    return (centred @ torch.linalg.svd(centred, full_matrices=False)[2][:2].T).numpy()
