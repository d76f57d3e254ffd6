"""What came back to the image: one value for each of its pixels and channels, drawn beside the photo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from ...picture import Block, ColourBar, ImageBlock, Sheet, as_rgb, capital, colour, compact, map_range  # fmt: skip
from .attribution import Attribution
from .overlay_rows import colours, map_rows, sheet_width
from .paging import page_of

WIDTH = 250.0  # of a picture in a row


@dataclass(frozen=True, eq=False, kw_only=True)
class Signal(Attribution):
    """Signals (N, C, H, W) in the coordinates of the network's input, one for each target.

    Signals that share out a value among the pixels are `shares`: their map is the sum over the channels, signed. The
    map of others is their largest magnitude over the channels (Simonyan, Vedaldi and Zisserman, 2013).
    """

    values: Tensor = field(repr=False)  # (N, C, H, W)
    shares: bool = False
    headings: tuple[str, ...] = field(default=(), repr=False)  # of the rows of a picture, in place of target and score

    @property
    def maps(self) -> Tensor:
        return self.values.sum(1) if self.shares else self.values.abs().amax(1)

    @property
    def signed(self) -> bool:
        return self.shares

    @property
    def foot(self) -> str:
        """What a picture's foot and caption say of how the signals came about, without a full stop."""
        return ""

    def sheet(self, *, range: str | None = None, page: int = 1) -> Sheet:
        """Each signal beside its photo: in colour with zero at mid-grey, its map, and that over the photo.

        - `range`: how a map's values become colours: symmetric, minmax, percentile:low:high, unit or low:high; up to
          the 99.5th percentile if not given
        - `page`: which page of twelve signals, from 1
        """
        indices, where = page_of(len(self.values), page, "signals")
        values = self.values[indices].float().cpu().numpy()
        maps = self.maps[indices].float().cpu().numpy()
        rule = range or ("symmetric:99.5" if self.signed else "percentile:0:99.5")
        mapped = map_range(maps, rule, "tile")
        kind, name = colours(self.signed), "sum over the channels" if self.signed else "magnitude"
        blocks: list[Block] = []
        for at, index in enumerate(indices):
            photo, frame = self.photo(index)
            shares = mapped.values01[at]
            heading = self.headings[index] if self.headings else self._heading(index)
            cut = max(abs(mapped.ranges[at].low), abs(mapped.ranges[at].high))
            numbers = [
                ImageBlock(_coloured(values[at], cut), heading="signal", width=WIDTH, crisp=False),
                ImageBlock(colour(shares, kind), heading=name, width=WIDTH, crisp=False),
            ]
            bars = [ColourBar(kind, mapped.ranges[at], name)]
            blocks += map_rows(heading, photo, frame, numbers, shares, self.signed, [], bars, WIDTH)
        grey = "the signal's grey is zero; it is cut where the map is"
        caption = f"{self.network}, {self.method} of {', '.join(self.targets[i] for i in indices)} on {self.names}"
        text = "; ".join(part for part in (caption, self.foot, mapped.caption()) if part)
        return Sheet(
            capital(self.method),
            f"{self.network} on {self.names}{where}",
            blocks,
            caption=" ".join(f"{capital(part)}." for part in (self.foot, grey, mapped.caption()) if part),
            width=sheet_width(4, WIDTH),
            description=text,
            ranges=mapped.ranges,
        )

    def _heading(self, index: int) -> str:
        return f"{self.targets[index]} · {compact(float(self.scores[index]))}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "network": self.network,
            "shape": list(self.values.shape),
            "signals": [
                {
                    "target": target,
                    "value": float(score),
                    "lowest": float(signal.min()),
                    "highest": float(signal.max()),
                    "sum": float(signal.double().sum()),
                    "norm": float(signal.double().norm()),
                }
                for target, score, signal in zip(self.targets, self.scores, self.values, strict=True)
            ],
        }


def _coloured(values: np.ndarray, high: float) -> np.ndarray:
    """A signal (C, H, W) with zero at mid-grey; images of other than three channels by their mean."""
    planes = values if len(values) == 3 else np.repeat(values.mean(0, keepdims=True), 3, 0)
    return as_rgb(np.clip(0.5 + planes.transpose(1, 2, 0) / (2 * (high or 1)), 0, 1))
