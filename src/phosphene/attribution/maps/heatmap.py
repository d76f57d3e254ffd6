"""A map of what matters: one number for each pixel of the input, often enlarged from a coarser map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ...picture import Block, ColourBar, ImageBlock, Sheet, capital, colour, compact, map_range
from .attribution import Attribution
from .overlay_rows import colours, map_rows, sheet_width
from .paging import page_of

WIDTH = 300.0  # of a picture in a row


@dataclass(frozen=True, eq=False, kw_only=True)
class Heatmap(Attribution):
    """Maps (N, H, W) in the coordinates of the network's input, and as they were before enlarging (N, h, w)."""

    values: Tensor = field(repr=False)  # (N, H, W)
    raw: Tensor = field(repr=False)  # (N, h, w)
    both_signs: bool = False  # whether negative numbers have a meaning

    @property
    def maps(self) -> Tensor:
        return self.values

    @property
    def signed(self) -> bool:
        return self.both_signs

    def sheet(self, *, range: str | None = None, page: int = 1) -> Sheet:
        """Each map beside its photo: as it was computed, cell by cell, and over the photo.

        - `range`: how values become colours: symmetric, minmax, percentile:low:high, unit or low:high
        - `page`: which page of twelve maps, from 1
        """
        indices, where = page_of(len(self.values), page, "maps")
        rule = range or ("symmetric" if self.signed else "minmax")
        mapped = map_range(self.values[indices].float().cpu().numpy(), rule, "tile")
        kind = colours(self.signed)
        blocks: list[Block] = []
        for at, index in enumerate(indices):
            photo, frame = self.photo(index)
            shares, scale = mapped.values01[at], mapped.ranges[at]
            raw = self.raw[index].float().cpu().numpy()
            cells = ((raw - scale.low) / ((scale.high - scale.low) or 1)).clip(0, 1)
            text = f"{self.targets[index]} · {compact(float(self.scores[index]))}"
            heading = f"{raw.shape[0]} × {raw.shape[1]} numbers"
            numbers = [ImageBlock(colour(cells, kind), heading=heading, width=WIDTH)]
            bars = [ColourBar(kind, scale, self.method)]
            blocks += map_rows(text, photo, frame, numbers, shares, self.signed, [], bars, WIDTH)
        caption = f"{self.network}, {self.method} of {', '.join(self.targets[i] for i in indices)} on {self.names}"
        return Sheet(
            capital(self.method),
            f"{self.network} on {self.names}{where}",
            blocks,
            caption=f"{capital(mapped.caption())}.",
            width=sheet_width(3, WIDTH),
            description=f"{caption}; {mapped.caption()}",
            ranges=mapped.ranges,
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "network": self.network,
            "maps": [
                {"target": target, "value": float(score), "raw": raw.tolist()}
                for target, score, raw in zip(self.targets, self.scores, self.raw, strict=True)
            ],
        }
