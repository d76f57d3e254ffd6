"""RISE: show the network random parts of an image, and see which parts go with high answers.

Masks are random grids of cells, each shown with probability p, enlarged bilinearly and shifted at random. The map is
the mean answer where a pixel is shown (V. Petsiuk, A. Das and K. Saenko, *RISE*, BMVC 2018, equation 6):

    S(λ) = 1 / (N p) · Σᵢ f(x ⊙ Mᵢ) Mᵢ(λ)

Every pixel's S lies about the mean answer of all masked images, and what tells pixels apart is the rest, the covariance
of answer and mask:

    gain(λ) = 1 / ((N − 1) p) · Σᵢ (f(x ⊙ Mᵢ) − mean f) · (Mᵢ(λ) − mean M(λ))

It has the same expectation as S less the mean answer and a smaller error, as how often a pixel happened to be shown
drops out. Both come with their standard errors. The network is asked, and never opened: no gradient, no layer. Only
sums over masks are held, so that every few masks give a map, which the next ones make surer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...instrument import instrument
from ...instrument.roles import Images, Target
from ...network import Network
from ...network.room import check_room
from ...picture import Block, ColourBar, ImageBlock, Sheet, capital, colour, compact, map_range
from ..maps.attribution import photo_fields
from ..maps.fills import Fill, check_count, fill_values_of
from ..maps.fixed_units import at_once, fix_units, values, whole
from ..maps.heatmap import Heatmap
from ..maps.overlay_rows import colours, map_over_photo, map_rows, sheet_width
from ..maps.paging import page_of
from ..maps.targets import questions

WIDTH = 250.0  # of a picture in a row
MAPS = 100  # that are made on the way of one image, about: each costs as much as a mask or two of a small network


@dataclass(frozen=True, eq=False, kw_only=True)
class Rise(Heatmap):
    """What showing each pixel adds to the mean answer (`values`, the gain), and the paper's map; both with errors.

    In a step on the way, images whose masks are still to come have none: NaN.
    """

    error: Tensor = field(repr=False)  # (N, H, W): standard error of `values`
    mean: Tensor = field(repr=False)  # (N, H, W): the mean answer where the pixel is shown, the paper's map
    mean_error: Tensor = field(repr=False)  # (N, H, W): standard error of `mean`
    level: Tensor = field(repr=False)  # (N,): the mean answer of all masked images
    masks: int  # that are asked for, for each image
    masks_run: tuple[int, ...]  # of these, how many have run, for each image
    cells: int
    share: float
    fill: str
    seed: int

    @property
    def step(self) -> int:
        """How many masks of all images have run."""
        return sum(self.masks_run)

    @property
    def steps(self) -> int:
        """How many masks there are for all images."""
        return self.masks * len(self.masks_run)

    @property
    def progress(self) -> str:
        return f"standard error {self._unsure:.0%} of the largest gain"

    @property
    def finished(self) -> bool:
        return self.step == self.steps

    @property
    def _unsure(self) -> float:
        """A pixel's mean standard error as a share of the largest gain, in the map where it is largest."""
        return float((self.error.mean((1, 2)) / self.values.abs().amax((1, 2))).nan_to_num(0).max())

    def frame(self) -> np.ndarray:
        """The first map over its photo (height, width, 3), uint8."""
        return map_over_photo(*self.photo(0), self.values[0])

    @property
    def foot(self) -> str:
        how_many = f"{self.masks}" if self.finished else f"{self.step} of {self.steps}"
        how = f"{how_many} masks of {self.cells} × {self.cells} cells, {self.share:.3g} of them shown, rest {self.fill}"
        stopped = "" if self.finished else "stopped after "
        return f"{stopped}{how}; a pixel's standard error is {self._unsure:.0%} of the largest gain"

    def sheet(self, *, range: str | None = None, page: int = 1) -> Sheet:
        """Each photo, its gain map and standard error: warm where a visible pixel raises the value.

        - `range`: how gains become colours: symmetric (if not given), minmax, percentile:low:high or low:high
        - `page`: which page of twelve maps, from 1
        """
        indices, where = page_of(len(self.values), page, "maps")
        mapped = map_range(self.values[indices].float().cpu().numpy(), range or "symmetric", "tile")
        errors = map_range(self.error[indices].float().cpu().numpy(), "minmax", "tile")
        kind = colours(self.signed)
        blocks: list[Block] = []
        for at, index in enumerate(indices):
            photo, frame = self.photo(index)
            shares = mapped.values01[at]
            level = f"{compact(float(self.scores[index]))}; {compact(float(self.level[index]))} on average under masks"
            unsure = colour(errors.values01[at], "sequential")
            gain = ImageBlock(colour(shares, kind), heading="gain where shown", width=WIDTH, crisp=False)
            error = ImageBlock(unsure, heading="standard error", width=WIDTH, crisp=False)
            bars = [
                ColourBar(kind, mapped.ranges[at], "gain: answers where the pixel is shown, less the mean answer"),
                ColourBar("sequential", errors.ranges[at], "standard error of the gain"),
            ]
            text = f"{self.targets[index]} · {level}"
            blocks += map_rows(text, photo, frame, [gain], shares, self.signed, [error], bars, WIDTH)
        caption = f"{self.network}, RISE of {', '.join(self.targets[i] for i in indices)} on {self.names}; {self.foot}"
        return Sheet(
            "RISE",
            f"{self.network} on {self.names}{where}",
            blocks,
            caption=f"{capital(self.foot)}. {capital(mapped.caption())}.",
            width=sheet_width(4, WIDTH),
            description=f"{caption}; {mapped.caption()}",
            ranges=mapped.ranges,
        )

    def to_dict(self) -> dict[str, Any]:
        cells = F.adaptive_avg_pool2d(self.values[:, None].float(), self.cells)[:, 0]
        return {
            "method": self.method,
            "network": self.network,
            "masks": self.masks,
            "step": self.step,
            "steps": self.steps,
            "cells": self.cells,
            "share": self.share,
            "fill": self.fill,
            "seed": self.seed,
            "maps": [
                {
                    "target": target,
                    "value": float(self.scores[index]),
                    "level": float(self.level[index]),
                    "lowest": float(self.values[index].min()),
                    "highest": float(self.values[index].max()),
                    "error": float(self.error[index].mean()),
                    "cells": cells[index].tolist(),
                }
                for index, target in enumerate(self.targets)
            ],
        }


@instrument
def rise(
    network: Network,
    images: Images,
    target: Target = None,
    *,
    masks: int = 2000,
    cells: int = 7,
    share: float = 0.5,
    fill: Fill | Tensor = "zero",
    seed: int = 0,
    batch: int | None = None,
) -> Iterator[Rise]:
    """How much each part of the image raises a probability, measured with random masks (Petsiuk, Das and Saenko, 2018).

    Each step runs more masks. Needs no gradient. A channel without a place means the place where it is largest in the
    clean image. Raises LookupError for a target that does not exist, ValueError for images, numbers and fills that
    don't fit.

    - `target`: a class or unit, such as 'probabilities:goose' (as in the paper), 'logits:goose' or 'blocks.3:17' (its
      largest activation); if not given, the probability of each image's best class
    - `masks`: how many masked images; the error falls with their square root
    - `cells`: how many cells a mask has, down and across
    - `share`: the probability that a cell is visible
    - `fill`: values of masked pixels: zero (zeros in the network's input, often the mean colour), mean (the image's
      mean colour), blur, noise, or a tensor as large as the image
    - `seed`: seed of the masks
    - `batch`: how many masked images run at once; as many as fit into memory if not given
    """
    whole(masks, "masks", 2)
    whole(cells, "cells", 1)
    check_room(masks, 5 * cells**2 + 100, f"masks={{}}: their {cells} × {cells} cells")
    if not 0 < share < 1:
        raise ValueError(f"share is the part of the cells that is shown, between 0 and 1, not {share!r}")
    with torch.inference_mode(False):
        x = network.inputs(images).detach().clone()
        if target is None:
            target = [f"probabilities:{best.channel}" for best in questions(network, x, None).addresses]
        units = fix_units(network, x, target)
        check_count(fill, len(x))
        fills = [fill_values_of(x[index : index + 1], fill, index, "masked parts show") for index in range(len(x))]
        count = at_once(network, x, batch, back=False, of=masks)
        about = photo_fields(network, images)
        each = [Sums.of(units.at[units.of(index)], x[index : index + 1]) for index in range(len(x))]
        several = Masks(masks, cells, share, seed)
    mapped_at = 0
    for index, sums in enumerate(each):
        image = x[index : index + 1]
        for mask in several.batches(image, count):
            with torch.inference_mode(False):
                sums.add(mask, values(network, fills[index] + (image - fills[index]) * mask, units.layer, sums.at))
                if sums.masks < 2 or (sums.masks < masks and sums.masks - mapped_at < masks / MAPS):
                    continue
                mapped_at = sums.masks if sums.masks < masks else 0
                parts = zip(*(one.estimates(share) for one in each), strict=True)
                level, mean, mean_error, gain, gain_error = (torch.cat(rows) for rows in parts)
            yield Rise(
                method="RISE", targets=units.names, values=gain, raw=gain, scores=units.scores, error=gain_error,
                mean=mean, mean_error=mean_error, level=level, both_signs=True, masks=masks,
                masks_run=tuple(one.masks for one in each), cells=cells, share=share,
                fill=fill if isinstance(fill, str) else "a given image", seed=seed, **about,
            )  # fmt: skip


@dataclass(frozen=True)
class Masks:
    """Random masks in [0, 1]: `count` grids of cells, enlarged and shifted by less than a cell."""

    count: int
    cells: int
    share: float
    seed: int

    def batches(self, like: Tensor, batch: int) -> Iterator[Tensor]:
        """Batches (n, 1, H, W) for an image (1, C, H, W): the same masks for any batch, device and precision.

        The grid is enlarged to cells + 1 cells of ceil(size / cells) pixels and cut at a random shift within a cell, so
        that a pixel's mean over many masks is `share` wherever it lies (section 3.2 of the paper).
        """
        generator = torch.Generator().manual_seed(self.seed)
        size = like.shape[-2:]
        cell = [-(-side // self.cells) for side in size]
        grids = (torch.rand(self.count, 1, self.cells, self.cells, generator=generator) < self.share).to(torch.uint8)
        shifts = torch.stack([torch.randint(0, side, (self.count,), generator=generator) for side in cell], 1).tolist()
        for first in range(0, self.count, batch):
            grid = grids[first : first + batch].to(like)
            large = F.interpolate(grid, [(self.cells + 1) * side for side in cell], mode="bilinear")
            cuts = zip(large, shifts[first : first + batch], strict=True)
            yield torch.stack([mask[:, top : top + size[0], left : left + size[1]] for mask, (top, left) in cuts])


@dataclass(eq=False)
class Sums:
    """What the masks of one image have summed up: of f, f² (T,), and of M, fM, M², fM², f²M, f²M² for each pixel."""

    at: Tensor  # (T,): flat indices of the units
    like: Tensor  # the image (1, C, H, W)
    rows: Tensor  # (2, 2 T + 1, H · W): of powers of f times M, and times M²
    answers: Tensor  # (2, T): of f and f²
    masks: int = 0

    @classmethod
    def of(cls, at: Tensor, image: Tensor) -> Sums:
        """Of no mask yet."""
        height, width = image.shape[-2:]
        home = "cpu" if image.device.type == "mps" else image.device  # where there is float64
        rows = torch.zeros(2, 2 * len(at) + 1, height * width, dtype=torch.float64, device=home)
        return cls(at, image, rows, torch.zeros(2, len(at), dtype=torch.float64, device=home))

    def add(self, mask: Tensor, answers: Tensor) -> None:
        """Adds masks (n, 1, H, W) with the units' answers (T, n) to what they show."""
        answers, visible = answers.to(self.rows), mask.flatten(1).to(self.rows)
        powers = torch.cat([answers, answers.square(), torch.ones_like(answers[:1])])
        self.rows[0] += powers @ visible
        self.rows[1] += powers @ visible.square()
        self.answers += torch.stack([answers.sum(1), answers.square().sum(1)])
        self.masks += len(mask)

    def estimates(self, share: float) -> tuple[Tensor, ...]:
        """Level (T,), map, its standard error, gain and its standard error (T, H, W); NaN for fewer than two masks."""
        n, p, t = self.masks, share, len(self.at)
        height, width = self.like.shape[-2:]
        if n < 2:
            unknown = self.like.new_full((t, height, width), torch.nan)
            return self.like.new_full((t,), torch.nan), *(unknown,) * 4
        (fm, ffm, m), (fmm, ffmm, mm) = (row.split([t, t, 1]) for row in self.rows)
        level, spread = (self.answers[0] / n)[:, None], (self.answers[1] - self.answers[0] ** 2 / n)[:, None]
        mean = m / n
        mapped = fm / (n * p)
        error = ((ffmm / p**2 - n * mapped**2).clamp(min=0) / (n - 1) / n).sqrt()
        gain = (fm - level * m) / ((n - 1) * p)
        square = (ffmm - 2 * level * fmm + level**2 * mm) - 2 * mean * (ffm - 2 * level * fm + level**2 * m)
        square = (square + mean**2 * spread) / p**2
        gain_error = ((square - n * gain**2).clamp(min=0) / (n - 1) / n).sqrt()
        grids = (part.view(t, height, width).to(self.like) for part in (mapped, error, gain, gain_error))
        return level[:, 0].to(self.like), *grids
