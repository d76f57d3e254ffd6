"""What every synthesis gives: the images, what they score, and how the score went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...instrument import Result
from ...picture import Block, DrawingBlock, ImageBlock, Row, Sheet, capital, compact, counted, grid
from ...picture.chart import over_steps

WIDTH = 1104.0
GAP = 40.0  # between images and the chart beside them
TRACE, NARROWEST_TRACE = 460.0, 340.0  # how wide a chart of scores is


@dataclass(frozen=True, eq=False, kw_only=True)
class Synthesis(Result):
    """Images (N, 3, H, W) in [0, 1] that were made to raise an objective, and their scores (N,)."""

    network: str
    titles: tuple[str, ...]  # what each image is of
    images: Tensor = field(repr=False)
    scores: Tensor
    history: Tensor = field(repr=False)  # (steps taken, N): the scores on the way, under the transforms
    step: int  # how many steps were taken
    steps: int  # of how many
    objective: str
    how: str  # kind of image, transforms, priors, optimiser, in words
    seed: int

    @property
    def progress(self) -> str:
        """Where it stands, in a few words."""
        return f"{self.objective}: {compact(float(self.scores.float().mean()))}"

    def frame(self) -> np.ndarray:
        """The images side by side (height, width, 3), uint8, as one frame of a film."""
        return grid(pixels(self.images), scale=1).pixels

    def sheet(self, *, columns: int = 4) -> Sheet:
        """The images, each with its score, and a plot of the scores at every step.

        - `columns`: images in a row
        """
        images = tiled(self.shown, self.labels, columns)
        return self.sheet_of(with_trace(images, self.history, self.objective, self.titles))

    def sheet_of(self, blocks: Sequence[Block], subtitle: str | None = None) -> Sheet:
        """The blocks under this result's heading, with its caption; below the heading stands the network's name."""
        description = f"{self.network}: {self.heading}; {self.caption}"
        subtitle = self.network if subtitle is None else subtitle
        return Sheet(self.heading, subtitle, blocks, caption=self.caption, description=description, width=WIDTH + 96)

    @property
    def shown(self) -> Tensor:
        """The images as the picture has them."""
        return self.images

    @property
    def labels(self) -> list[str]:
        """What stands below each image."""
        return [f"{title}: {compact(float(score))}" for title, score in zip(self.titles, self.scores, strict=True)]

    @property
    def heading(self) -> str:
        return f"What {self.objective} would like to see"

    @property
    def caption(self) -> str:
        height, width = self.images.shape[-2:]
        steps_text = (
            counted(self.step, "step")
            if self.step == self.steps
            else f"stopped after {self.step} of {counted(self.steps, 'step')}"
        )
        how = f"{capital(self.how)}; {height} × {width} px, {steps_text}, seed {self.seed}."
        return f"{how} Colours as they are, in [0, 1]."

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "titles": list(self.titles),
            "objective": self.objective,
            "how": self.how,
            "seed": self.seed,
            "step": self.step,
            "steps": self.steps,
            "scores": self.scores.tolist(),
            "history": self.history.tolist(),
        }


def pixels(images: Tensor) -> np.ndarray:
    """Images (N, 3, H, W) in [0, 1] as uint8 (N, H, W, 3)."""
    return (images.detach().float().cpu().permute(0, 2, 3, 1).clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def tiled(
    images: Tensor, labels: Sequence[str], columns: int = 4, heading: str = "", width: float = WIDTH
) -> ImageBlock:
    """The images in rows, with a label under each, as wide as there is room."""
    columns = max(1, min(columns, len(images)))
    tiles = grid(pixels(images), columns=columns, gutter=max(2, images.shape[-1] // 14))
    width_px = tiles.pixels.shape[1] * max(1.0, min(2.0, 300 / images.shape[-1]))
    width_px = width if width_px > 0.8 * width else width_px  # rather somewhat larger images than a gap beside them
    return ImageBlock(tiles.pixels, heading=heading, cells=tiles.cells, labels=labels, width=width_px, crisp=False)


def with_trace(images: ImageBlock, history: Tensor, name: str, titles: Sequence[str] = ()) -> list[Block]:
    """The images, and the chart of their scores: beside them where there is room, otherwise below."""
    room = WIDTH - (images.width or images.pixels.shape[1]) - GAP
    if room < NARROWEST_TRACE:
        return [images, trace(history, name, titles=titles)]
    return [Row([images, trace(history, name, min(TRACE, room), titles)], gap=GAP)]


def trace(history: Tensor, name: str, width: float = TRACE, titles: Sequence[str] = ()) -> Block:
    """The score of each image at every step; of more than four, the mean, the lowest and the highest.

    The lines of up to four images have the images' titles where all titles differ, otherwise their numbers.
    """
    rows = history.float().cpu().numpy().T
    if len(rows) <= 4:
        numbers = [f"{index + 1}" for index in range(len(rows))] if len(rows) > 1 else []
        series, names = list(rows), list(titles) if len({*titles}) == len(numbers) else numbers
    else:
        series, names = [rows.mean(0), rows.max(0), rows.min(0)], ["mean", "highest", "lowest"]
    return Row([DrawingBlock(over_steps(series, names, up=name, width=width))])
